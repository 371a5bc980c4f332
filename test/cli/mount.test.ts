import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Cli, finished, newCli } from '../support/cli.ts';

// Never by fs.*Sync: another process serves the mount, but a hung one must not hang the tests.
const read = async (path: string): Promise<string> =>
  (await promisify(execFile)('cat', [path], { timeout: 20_000 })).stdout;

function mountpointOf(cli: Cli): string {
  const path = join(cli.base, 'mnt');
  mkdirSync(path);
  return path;
}

describe('taskfs mount', () => {
  it('makes a store, mounts in the background, and gives sealed files a path', async () => {
    const cli = newCli();
    const mountpoint = mountpointOf(cli);
    const mounted = await cli.run('mount', mountpoint);
    expect(mounted).toMatchObject({ code: 0, stdout: `${mountpoint}\n` });
    expect(mounted.stderr).toContain('AGE-SECRET-KEY-1');
    await cli.run('run', '--name', 'a', '--', 'sh', '-c', 'echo hi > "$TASKFS_ARTIFACTS/f"');
    const path = join(mountpoint, 'archive/a/f');
    expect((await cli.run('path', 'a', 'f')).stdout).toBe(`${path}\n`);
    expect(await read(path)).toBe('hi\n');
    const findings = await cli.json<{ what: string; verdict: string }[]>('doctor', '--json');
    expect(findings).toContainEqual(
      expect.objectContaining({ what: `mount ${mountpoint}`, verdict: 'good' }),
    );
    const again = await cli.run('mount', mountpoint);
    expect(again.code).not.toBe(0);
    expect(again.stderr).toContain(mountpoint);
    expect((await cli.run('unmount', mountpoint)).code).toBe(0);
    expect((await cli.run('unmount', mountpoint)).code).toBe(2);
  });

  it('serves from here with --foreground until it is told to end', async () => {
    const cli = newCli();
    await cli.run('init');
    const mountpoint = mountpointOf(cli);
    const server = cli.start('mount', '--foreground', '--json', mountpoint);
    server.stdout.once('data', () => server.kill('SIGTERM'));
    const ended = finished(server);
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ mountpoint, store: cli.store, pid: server.pid });
    expect(await read('/proc/mounts')).not.toContain(mountpoint);
  });

  it('refuses a directory that is missing or not empty, and an unknown driver', async () => {
    const cli = newCli();
    await cli.run('init');
    const missing = await cli.run('mount', join(cli.base, 'missing'));
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain('missing');
    const full = mountpointOf(cli);
    writeFileSync(join(full, 'thesis.tex'), '');
    const refused = await cli.run('mount', full);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('not empty');
    expect((await cli.run('mount', '--driver', 'ext4', full)).code).toBe(2);
  });
});
