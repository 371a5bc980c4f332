import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mountSource } from '../../src/mount/index.ts';
import { type Cli, newCli } from '../support/cli.ts';
import { isMountpoint } from '../support/mount.ts';
import { until } from '../support/until.ts';

/**
 * Mounts that are none of this user's, whatever they call themselves, and what lies over its own.
 */

const run = promisify(execFile);
const NOBODY = 65534;
const MOUNT = join(import.meta.dirname, '../../src/fuse/mount.ts');
/** What a dead mount says in words, as a part of a path. */
const MISLEADING = 'Transport endpoint is not connected';

/** A FUSE mount of a plain user's, with a source of their choice; nobody serves it. */
async function foreignMount(mountpoint: string, sourceName: string): Promise<ChildProcess> {
  mkdirSync(mountpoint);
  chownSync(mountpoint, NOBODY, NOBODY);
  const options = { sourceName, subtype: 'taskfs', allowOther: false, readOnly: false };
  const script = `const { mountDirectory } = await import(${JSON.stringify(MOUNT)});
await mountDirectory(${JSON.stringify(mountpoint)}, ${JSON.stringify(options)});
console.log('mounted');
setInterval(() => {}, 1000);`;
  const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
  const args = [...ids, process.execPath, '--input-type=module', '-e', script];
  const user = spawn('setpriv', args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
  onTestFinished(async () => {
    user.kill('SIGKILL');
    if (isMountpoint(mountpoint)) await run('umount', ['-l', mountpoint]);
  });
  await once(user.stdout, 'data');
  return user;
}

async function sealedTask(cli: Cli): Promise<void> {
  await cli.run('init');
  const script = 'echo hi > "$TASKFS_ARTIFACTS/f"';
  expect((await cli.run('run', '--name', 'a', '--', 'sh', '-c', script)).code).toBe(0);
}

// Only root can be two users.
describe.runIf(process.geteuid?.() === 0)('mounts of others', () => {
  test.each(['alive', 'dead'])('do not count, %s, whatever they call themselves', async (state) => {
    const cli = newCli();
    await sealedTask(cli);
    const { store } = cli;
    const own = mountSource({ path: store, keys: '', tasks: '', staging: '', archive: '' });
    const sources = new Map([
      [join(cli.base, `${MISLEADING}, own`), own],
      [join(cli.base, `${MISLEADING}, bad`), 'taskfs:%'],
    ]);
    for (const [mountpoint, source] of sources) {
      const user = await foreignMount(mountpoint, source);
      if (state === 'dead') {
        user.kill('SIGKILL');
        await once(user, 'exit');
      }
    }
    const path = await cli.run('path', 'a', 'f');
    expect(path).toMatchObject({ code: 1, stdout: '' });
    expect(path.stderr).toContain('Mount the store');
    expect((await cli.run('doctor')).stdout).not.toContain(MISLEADING);
    for (const mountpoint of sources.keys()) {
      const refused = await cli.run('unmount', mountpoint);
      expect(refused).toMatchObject({ code: 2 });
      expect(refused.stderr).toContain(`another user's (id ${NOBODY})`);
      expect(isMountpoint(mountpoint)).toBe(true);
    }
    const mine = join(cli.base, 'mine');
    expect(await cli.run('mount', mine)).toMatchObject({ code: 0 });
    expect((await cli.run('path', 'a', 'f')).stdout).toBe(`${mine}/archive/a/f\n`);
    expect((await cli.run('unmount', mine)).code).toBe(0);
  });

  test('stay where they lie over one of ours, dead or alive', async () => {
    const cli = newCli();
    await cli.run('init');
    const mountpoint = join(cli.base, 'mount');
    const { pid } = await cli.json<{ pid: number }>('mount', '--json', mountpoint);
    await run('mount', ['-t', 'tmpfs', 'none', mountpoint]);
    onTestFinished(async () => {
      while (isMountpoint(mountpoint)) await run('umount', ['-l', mountpoint]);
    });
    writeFileSync(join(mountpoint, 'foreign'), '');
    const alive = await cli.run('unmount', mountpoint);
    expect(alive).toMatchObject({ code: 1 });
    expect(alive.stderr).toContain('another mount lies over');
    process.kill(pid, 'SIGKILL');
    await until(
      'its server and its watchdog have ended',
      () => watchdogsOf(mountpoint).length === 0,
    );
    for (const verb of [['doctor'], ['unmount', mountpoint]]) {
      await cli.run(...verb);
      expect(readdirSync(mountpoint)).toEqual(['foreign']);
    }
    await run('umount', ['-l', mountpoint]);
    // Dead as it is, the doctor of another store only says that it is there.
    const other = (await newCli().run('doctor')).stdout;
    expect(other).toMatch(/other mounts: mounts of .* not checked/);
    expect(other).not.toContain(mountpoint);
    expect(isMountpoint(mountpoint)).toBe(true);
    expect((await cli.run('doctor')).stdout).toContain(`${mountpoint}: its server was dead`);
    expect(isMountpoint(mountpoint)).toBe(false);
  });
});

const watchdogsOf = (mountpoint: string): string[] =>
  readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isWatchdog(pid, mountpoint));

function isWatchdog(pid: string, mountpoint: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return words.includes('taskfs-unmount-watchdog') && words.includes(mountpoint);
  } catch {
    return false;
  }
}

test('a mount is unmounted by the symlinks that lead to it, dead ones included', async () => {
  const cli = newCli();
  await cli.run('init');
  const mountpoint = join(cli.base, 'mount');
  const link = join(cli.base, 'link');
  symlinkSync('link-to-it', link);
  symlinkSync('mount', join(cli.base, 'link-to-it'));
  expect(await cli.run('mount', link)).toMatchObject({ code: 0, stdout: `${mountpoint}\n` });
  expect((await cli.run('mount', link)).stderr).toContain('mounted already');
  expect((await cli.run('unmount', link)).code).toBe(0);
  expect(isMountpoint(mountpoint)).toBe(false);
});
