import { execFile } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Cli, finished, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

// Never by fs.*Sync: another process serves the mount, but a hung one must not hang the tests.
const read = async (path: string): Promise<string> =>
  (await promisify(execFile)('cat', [path], { timeout: 20_000 })).stdout;

const shell = async (script: string): Promise<string> =>
  (await promisify(execFile)('sh', ['-c', script], { timeout: 20_000 })).stdout;

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
    expect(mounted.stderr).toContain('A new store');
    expect(mounted.stderr).not.toContain('AGE-SECRET-KEY-1');
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

  it('gives live files a path in it, and open a file there; open makes one', async () => {
    const cli = newCli();
    const bin = join(cli.base, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'xdg-open'), '#!/bin/sh\necho "opened $1"\n', { mode: 0o755 });
    const PATH = `${bin}:${process.env.PATH}`;
    const desktop = newCli({ store: cli.store, env: { PATH } });
    await cli.run('init');
    const script = 'echo hi > "$TASKFS_ARTIFACTS/f"; sleep 600';
    await cli.run('run', '-d', '--name', 'a', '--', 'sh', '-c', script);
    const staging = `${cli.store}/staging/a/f\n`;
    await until('f is there', async () => (await cli.run('path', 'a', 'f')).stdout === staging);
    const refused = await desktop.run('open', 'a', 'f');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('taskfs mount') });
    const runtime = join(cli.base, 'runtime');
    mkdirSync(runtime);
    const session = newCli({ store: cli.store, env: { PATH, XDG_RUNTIME_DIR: runtime } });
    expect((await session.run('open', 'a', 'none')).code).toBe(3);
    expect(readdirSync(runtime)).toEqual([]);
    const opened = await session.run('open', 'a', 'f');
    const [own] = readdirSync(runtime).map((name) => join(runtime, name));
    expect(opened.stdout).toBe(`opened ${own}/live/a/f\n`);
    expect(opened.stderr).toContain(`mounted on ${own}, for as long as something uses it`);
    // That mount stays while the program that was opened does.
    const [go, ended] = ['go', 'ended'].map((name) => join(cli.base, name));
    const wait = `for i in $(seq 1000); do [ -e '${go}' ] && break; sleep 0.05; done`;
    const stays = `#!/bin/sh\nexec >/dev/null 2>&1\n${wait}\n: > '${ended}'\n`;
    writeFileSync(join(bin, 'xdg-open'), stays, { mode: 0o755 });
    expect((await session.run('open', 'a', 'f')).code).toBe(0);
    expect((await cli.run('unmount', own ?? '')).stderr).toContain('is in use');
    writeFileSync(`${go}`, '');
    await until('it goes on by itself', () => existsSync(`${ended}`));
    await until('it is free', async () => (await cli.run('unmount', own ?? '')).code === 0);
    writeFileSync(join(bin, 'xdg-open'), '#!/bin/sh\necho "opened $1"\n', { mode: 0o755 });
    const mountpoint = mountpointOf(cli);
    await cli.run('mount', mountpoint);
    const live = `${mountpoint}/live/a/f\n`;
    expect((await cli.run('path', 'a', 'f')).stdout).toBe(live);
    expect((await cli.run('path', 'a', 'none')).code).toBe(3);
    expect((await desktop.run('open', 'a', 'f')).stdout).toBe(`opened ${live}`);
    expect((await desktop.run('open', 'a')).stdout).toBe(`opened ${mountpoint}/live/a\n`);
  });

  it('shows one store on two directories, each with a driver of its own', async () => {
    const cli = newCli();
    await cli.run('init');
    const [one, two] = [join(cli.base, 'one'), join(cli.base, 'two')];
    for (const directory of [one, two]) mkdirSync(directory);
    const { pid } = await cli.json<{ pid: number }>('mount', '--json', '--driver', 'kernel', one);
    expect((await cli.run('mount', '--driver', 'libfuse', two)).code).toBe(0);
    const script = 'until [ -e "$TASKFS_ARTIFACTS/go" ]; do sleep 0.05; done';
    await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', script);
    await shell(`echo hi > ${one}/live/t/file && cat ${two}/live/t/file && touch ${two}/live/t/go`);
    expect((await cli.run('wait', 't')).code).toBe(0);
    for (const directory of [one, two]) {
      await until('it has moved', async () => (await shell(`ls ${directory}/live`)) === '');
      expect(await shell(`cat ${directory}/archive/t/file`)).toBe('hi\n');
    }
    await cli.run('rm', 't');
    for (const directory of [one, two]) {
      await until('it has gone', async () => (await shell(`ls ${directory}/archive`)) === '');
    }
    const opened = () => shell(`ls -l /proc/${pid}/fd`);
    await until('its disk space is free', async () => !/\.enc \(deleted\)/.test(await opened()));
  });

  it.each(['kernel', 'libfuse'])('tells why its server fails (%s)', async (driver) => {
    const cli = newCli();
    await cli.run('init');
    const checkout = join(import.meta.dirname, '../..');
    const broken = join(cli.base, 'broken');
    mkdirSync(broken);
    cpSync(join(checkout, 'src'), join(broken, 'src'), { recursive: true });
    cpSync(join(checkout, 'package.json'), join(broken, 'package.json'));
    symlinkSync(join(checkout, 'node_modules'), join(broken, 'node_modules'));
    appendFileSync(join(broken, 'src/fs/router.ts'), "import './not-there.ts';\n");
    const args = [join(broken, 'src/cli/main.ts'), 'mount', '--driver', driver, mountpointOf(cli)];
    const env = { ...process.env, TASKFS_STORE: cli.store };
    await expect(promisify(execFile)(process.execPath, args, { env })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not-there.ts'),
    });
  });

  // Only root can have a file system that is mounted read-only.
  it.runIf(process.geteuid?.() === 0)(
    'shows the archives of a store on a read-only disk',
    async () => {
      const cli = newCli();
      await cli.run('init');
      await cli.run('run', '--name', 'a', '--', 'sh', '-c', 'echo hi > "$TASKFS_ARTIFACTS/f"');
      await shell(`mount --bind '${cli.store}' '${cli.store}'`);
      onTestFinished(async () => void (await shell(`umount -l '${cli.store}'`)));
      await shell(`mount -o remount,ro,bind '${cli.store}'`);
      const mountpoint = mountpointOf(cli);
      const mounted = await cli.run('mount', mountpoint);
      expect(mounted).toMatchObject({ code: 0, stdout: `${mountpoint}\n` });
      expect(mounted.stderr).toContain('read-only file system');
      expect(await read(join(mountpoint, 'archive/a/f'))).toBe('hi\n');
      expect(await read(join(mountpoint, 'logs/a.log'))).toBe('');
      await expect(shell(`touch '${mountpoint}/live/x'`)).rejects.toThrow();
      expect((await cli.run('unmount', mountpoint)).code).toBe(0);
    },
  );

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

  it('refuses a directory below a missing one or not empty, and an unknown driver', async () => {
    const cli = newCli();
    await cli.run('init');
    const missing = await cli.run('mount', join(cli.base, 'missing', 'mount'));
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
