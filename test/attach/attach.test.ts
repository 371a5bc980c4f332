import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { allMounts, type MountEntry } from '../../src/mount/index.ts';
import { createRecord, newRecord, openStore, taskPaths } from '../../src/store/index.ts';
import { type Cli, finished, newCli } from '../support/cli.ts';
import { isMountpoint } from '../support/mount.ts';
import { repliesOf } from '../support/replies.ts';
import { until } from '../support/until.ts';

/**
 * Staging attached in a mount: the kernel shows it itself, and nothing of it stays where it must
 * not. What is in there behaves as on the disk: test/fs/ has a variant for it.
 */

const run = promisify(execFile);
const isRoot = process.geteuid?.() === 0;
/** For how long something may stay mounted whose server was killed. */
const LIMIT_MS = 5000;
const WAITS = 'cd "$TASKFS_ARTIFACTS"; touch up; until [ -e go ]; do sleep 0.05; done';

// Never by fs.*Sync: another process serves the mount, but a hung one must not hang the tests.
const shell = async (script: string, ...args: string[]): Promise<string> =>
  (await run('sh', ['-c', script, 'sh', ...args], { timeout: 20_000 })).stdout;

interface Mounted {
  readonly cli: Cli;
  readonly mountpoint: string;
  readonly pid: number;
  readonly live: string;
}

async function mounted(...options: string[]): Promise<Mounted> {
  const cli = newCli();
  await cli.run('init');
  const mountpoint = join(cli.base, 'mnt');
  const facts = await cli.json<Mounted>('mount', '--json', ...options, mountpoint);
  onTestFinished(async () => {
    if (isMountpoint(mountpoint)) await run('umount', ['-l', mountpoint]);
  });
  return { ...facts, cli, mountpoint };
}

const mountOf = (mountpoint: string, task: string): MountEntry | undefined =>
  allMounts().findLast((one) => one.mountpoint === join(mountpoint, 'live', task));

/** Starts a task that ends when its file `go` appears, and waits until it is attached. */
async function startAttached({ cli, mountpoint }: Mounted, task: string, ...options: string[]) {
  const ended = finished(cli.start('run', '--name', task, ...options, '--', 'sh', '-c', WAITS));
  await until(`${task} is attached`, () => mountOf(mountpoint, task));
  await until(`${task} runs`, () => existsSync(join(cli.store, 'staging', task, 'up')));
  const top = join(mountpoint, 'live', task);
  return { top, ended, end: () => run('touch', [join(top, 'go')]) };
}

function start(command: string, ...args: string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** A shell that has a file open for writing, and does each line that it reads. */
async function openWriter(path: string): Promise<ChildProcess> {
  const script = 'exec 3>>"$0"; echo early >&3; echo; while read -r line; do eval "$line"; done';
  const writer = start('bash', '-c', script, path);
  await once(writer.stdout as NodeJS.ReadableStream, 'data');
  return writer;
}

/** Another mount namespace, with copies of all mounts; its holder's number. */
async function copyNamespace(): Promise<number> {
  const holder = start('unshare', '-m', 'sh', '-c', 'echo in && exec sleep 1000');
  await once(holder.stdout as NodeJS.ReadableStream, 'data');
  return holder.pid ?? 0;
}

/** What is mounted beneath a directory in the namespace of a process. */
const mountedIn = (pid: number, directory: string): string[] =>
  readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${directory}/`));

/** Prints the name of what comes first in a directory. */
const WATCH = `fs.watch(process.argv[1], (_, name) => { console.log(name); process.exit() });
console.log('in')`;

/** Says whether a directory is there at the moment when it is first told that it is gone. */
const WATCH_END = `inotifywait -e move_self,delete_self "$0" >&2
if [ -e "$0" ]; then echo there; else echo gone; fi`;

describe.runIf(isRoot)('attached staging', () => {
  it('is shown by the kernel, with the task’s status, until the task is sealed', async () => {
    const mount = await mounted();
    const { cli, mountpoint } = mount;
    expect(mount.live).toBe('attach');
    const { top, ended, end } = await startAttached(mount, 'a');
    expect(mountOf(mountpoint, 'a')?.options).toEqual(expect.arrayContaining(['nosuid', 'nodev']));
    expect(await shell('stat -c %d:%i "$1"', top)).toBe(
      await shell('stat -c %d:%i "$1"', join(cli.store, 'staging/a')),
    );
    const status = (name: string) => shell('getfattr -n "$1" --only-values "$2"', name, top);
    await until('it runs', async () => (await status('user.taskfs.status')) === 'running');
    const look = () =>
      shell('cd "$1" && for f in up ../.git ../../.git "$1/up"; do stat $f; done 2>&1', top);
    await look().catch(() => {});
    const before = repliesOf(mount.pid);
    for (let times = 0; times < 10; times++) await look().catch(() => {});
    // It has other things to do, but fewer than one for each look.
    expect(repliesOf(mount.pid) - before).toBeLessThan(10);
    await shell('setfattr -n user.taskfs.task -v b "$1"; setfattr -n user.taskfs.x -v y "$1"', top);
    await until('it is its own again', async () => (await status('user.taskfs.task')) === 'a');
    const isGone = () =>
      status('user.taskfs.x').then(
        () => false,
        ({ message }) => /No such attribute/.test(message),
      );
    await until('another is gone', isGone);

    const watcher = start(process.execPath, '-e', WATCH, top);
    await once(watcher.stdout as NodeJS.ReadableStream, 'data');
    const told = once(watcher.stdout as NodeJS.ReadableStream, 'data');
    await run('touch', [join(cli.store, 'staging/a/beneath')]);
    expect(String(await told)).toBe('beneath\n');
    const window = start('bash', '-c', WATCH_END, top);
    const windowStdout = once(window.stdout as NodeJS.ReadableStream, 'data');
    let words = '';
    window.stderr?.on('data', (data) => {
      words += data;
    });
    await until('it watches', () => words.includes('established'));
    const doctor = await cli.run('doctor');
    expect(doctor.stdout).toContain(`${mountpoint}: shows ${cli.store}; live/ is shown by attach`);

    await end();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
    expect(String(await windowStdout)).toBe('gone\n');
    expect(mountOf(mountpoint, 'a')).toBeUndefined();
    expect(await shell('ls "$1/live" && cd "$1/archive/a" && ls', mountpoint)).toBe(
      'beneath\ngo\nup\n',
    );
    const sealed = await shell('getfattr -d "$1"', join(mountpoint, 'archive/a'));
    expect(sealed).toContain('user.taskfs.status="completed"');
    expect(sealed).not.toContain('user.taskfs.x');
    expect(readFileSync(join(cli.store, 'mount.log'), 'utf8')).toBe('');
    expect((await cli.run('unmount', mountpoint)).code).toBe(0);
    expect(allMounts().filter((one) => one.mountpoint.startsWith(cli.base))).toEqual([]);
  });

  it('turns read-only when the task ends, but for those who have a file open', async () => {
    const mount = await mounted();
    const { cli, mountpoint } = mount;
    const { top, ended, end } = await startAttached(mount, 'a', '--drain', '5m');
    // An editor's own file is left out, and nobody waits for it.
    await openWriter(join(top, '.out.log.swp'));
    const writer = await openWriter(join(top, 'out.log'));
    await end();
    const changed = () => run('touch', [join(top, 'new')]).then(() => true);
    await until('it is read-only', () => changed().catch(({ stderr }) => /Read-only/.test(stderr)));
    writer.stdin?.write('echo late >&3 && chmod 640 /proc/self/fd/3\n');
    const mapping = `import mmap, os
fd = os.open("${top}/mapped", os.O_RDWR)`;
    await expect(run('/usr/bin/python3', ['-c', mapping])).rejects.toThrow();
    writer.stdin?.write('exec 3>&-; echo closed\n');
    await once(writer.stdout as NodeJS.ReadableStream, 'data');
    expect(await ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("left out: '.out.log.swp'"),
    });
    expect((await cli.run('cat', 'a', 'out.log')).stdout).toBe('early\nlate\n');
    expect(mountOf(mountpoint, 'a')).toBeUndefined();
  });

  it('is kept when somebody does not stop writing, who is named, and sealed later', async () => {
    const mount = await mounted();
    const { cli } = mount;
    const { top, ended, end } = await startAttached(mount, 'a', '--drain', '300ms');
    const writer = await openWriter(join(top, 'out.log'));
    await end();
    const { code, stderr } = await ended;
    expect(code).toBe(125);
    expect(stderr).toContain(`still open for writing: 'out.log' by bash (pid ${writer.pid})`);
    writer.stdin?.write('echo late >&3; exec 3>&-; echo closed\n');
    await once(writer.stdout as NodeJS.ReadableStream, 'data');
    expect((await cli.run('recover')).code).toBe(0);
    expect((await cli.run('cat', 'a', 'out.log')).stdout).toBe('early\nlate\n');
  });

  it.each([
    { where: 'the mount is there', unmount: [] },
    { where: 'the mount was unmounted lazily', unmount: ['umount', '-l'] },
    { where: 'all of the mount was unmounted', unmount: ['umount', '-R'] },
  ])('goes from every namespace when the server is killed, where $where', async ({ unmount }) => {
    const mount = await mounted();
    const { mountpoint, pid } = mount;
    const { top } = await startAttached(mount, 'a');
    const copy = await copyNamespace();
    expect(mountedIn(copy, mountpoint).join()).toContain(top);
    const [command, ...args] = unmount;
    if (command) await run(command, [...args, mountpoint]);
    const stay = 'cd "$0" && echo in && exec sleep 1000';
    const user = start('nsenter', '-t', String(copy), '-m', 'sh', '-c', stay, top);
    await once(user.stdout as NodeJS.ReadableStream, 'data');
    process.kill(pid, 'SIGKILL');
    await until(
      'nothing is attached',
      () =>
        ![...mountedIn(copy, mountpoint), ...mountedIn(process.pid, mountpoint)]
          .join()
          .includes(top),
      LIMIT_MS,
    );
    await until('nothing is mounted', () => !isMountpoint(mountpoint), LIMIT_MS);
    user.kill('SIGKILL');
  });

  it('is not unmounted while it is in use, and then with the mount', async () => {
    const mount = await mounted();
    const { cli, mountpoint } = mount;
    const { top } = await startAttached(mount, 'a');
    const writer = await openWriter(join(top, 'out.log'));
    const refused = await cli.run('unmount', mountpoint);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`${top} is in use`) });
    writer.kill('SIGKILL');
    await once(writer, 'close');
    expect(await cli.run('unmount', mountpoint)).toMatchObject({ code: 0, stderr: '' });
    expect(allMounts().filter((one) => one.mountpoint.startsWith(cli.base))).toEqual([]);
  });

  it('is in a mount of the mount as well, and goes from there', async () => {
    const mount = await mounted();
    const { cli, mountpoint } = mount;
    const first = await startAttached(mount, 'a');
    const third = await startAttached(mount, 'c', '--drain', '300ms');
    const other = join(cli.base, 'other');
    mkdirSync(other);
    await shell('mount --rbind "$1" "$2" && mount --make-rshared "$2"', mountpoint, other);
    onTestFinished(async () => void (await shell('umount -R "$1" 2>&1 || true', other)));
    const second = await startAttached(mount, 'b');
    await shell('cd "$1" && echo one > a/f && echo two > b/f', join(other, 'live'));
    for (const { end, ended } of [first, second]) {
      await end();
      expect(await ended).toMatchObject({ code: 0, stderr: '' });
    }
    expect(await shell('cd "$1" && ls live && cat archive/a/f archive/b/f', other)).toBe(
      'c\none\ntwo\n',
    );
    // Whoever writes there is waited for, and named.
    const writer = await openWriter(join(other, 'live/c/out.log'));
    await third.end();
    expect(await third.ended).toMatchObject({
      code: 125,
      stderr: expect.stringContaining(`; 'out.log' by bash (pid ${writer.pid})`),
    });
    expect(mountedIn(process.pid, join(other, 'live'))).toEqual([]);
  });

  it('shows nothing of what is mounted in staging', async () => {
    const mount = await mounted();
    const { cli, mountpoint } = mount;
    const script = 'cd "$TASKFS_ARTIFACTS" && mkdir m && touch up && exec sleep 1000';
    const staging = join(cli.store, 'staging/a');
    await cli.run('unmount', mountpoint);
    await cli.run('run', '-d', '--name', 'a', '--', 'sh', '-c', script);
    await until('it runs', () => existsSync(join(staging, 'up')));
    await run('mount', ['--bind', cli.store, join(staging, 'm')]);
    onTestFinished(async () => void (await run('umount', ['-l', join(staging, 'm')])));
    await cli.run('mount', mountpoint);
    await until('it is attached', () => mountOf(mountpoint, 'a'));
    expect(await shell('ls "$1"', join(mountpoint, 'live/a/m'))).toBe('');
  });

  it('is that of 256 tasks at a time, as the log says; the others wait in turn', async () => {
    const mount = await mounted();
    const { cli, mountpoint } = mount;
    const store = openStore(cli.store);
    const spec = { cwd: null, engine: 'process', image: null, env: [], timeoutMs: null } as const;
    const more = { command: ['true'], retries: 0, maxRunning: null, options: {} };
    const names = Array.from({ length: 257 }, (_, number) => `task-${number}`);
    for (const name of names) {
      const task = name as ReturnType<typeof newRecord>['task'];
      const { directory, staging, record } = taskPaths(store, task);
      mkdirSync(directory);
      createRecord(record, newRecord(task, { ...spec, ...more }));
      mkdirSync(staging);
      writeFileSync(join(staging, 'f'), name);
    }
    const log = join(cli.store, 'mount.log');
    await until('it says so', () => readFileSync(log, 'utf8').includes('256 tasks are attached'));
    const attached = () => names.filter((name) => mountOf(mountpoint, name));
    expect(attached()).toHaveLength(256);
    const last = names.find((name) => !mountOf(mountpoint, name)) ?? '';
    const file = join(mountpoint, 'live', last, 'f');
    expect(await shell('cat "$1"', file)).toBe(last);
    const early = await openWriter(file);
    await run('rm', ['-r', join(cli.store, 'staging/task-7')]);
    await until('it has its turn', () => mountOf(mountpoint, last));
    expect(mountOf(mountpoint, 'task-7')).toBeUndefined();
    // Who has opened a file through FUSE before goes on in the same one.
    await shell('echo later >> "$1"', file);
    early.stdin?.write('echo last >&3; cat /proc/self/fd/3\n');
    const [read] = await once(early.stdout as NodeJS.ReadableStream, 'data');
    expect(String(read)).toBe(`${last}early\nlater\nlast\n`);
    expect(await shell('cat "$1"', file)).toBe(`${last}early\nlater\nlast\n`);
  });

  it('is not asked for where it is not wanted, or not possible', async () => {
    const { cli, mountpoint, live } = await mounted('--live', 'fuse');
    expect(live).toBe('fuse');
    await cli.run('run', '-d', '--name', 'a', '--', 'sleep', '1000');
    expect(await shell('stat -c %n "$1/live/a"', mountpoint)).toContain('live/a');
    expect(mountOf(mountpoint, 'a')).toBeUndefined();
    const plain = newCli({ user: 'plain' });
    await plain.run('init');
    const directory = join(plain.base, 'mnt');
    const refused = await plain.run('mount', '--live', 'attach', directory);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('CAP_SYS_ADMIN') });
    const fuse = await plain.json('mount', '--json', directory);
    expect(fuse).toMatchObject({ live: 'fuse', liveReason: expect.stringContaining('root') });
    expect((await plain.run('unmount', directory)).code).toBe(0);
    const libfuse = ['--driver', 'libfuse', '--live', 'attach', join(cli.base, 'other')];
    expect((await cli.run('mount', ...libfuse)).stderr).toContain("'libfuse' cannot attach");
  });
});

/** A store, its mount and a task in a user namespace, where nobody is root. */
const ROOTLESS = `set -e; cd "$1"
"$T" mount mnt 2>&1
"$T" run -d --name a -- sh -c '${WAITS}'
until grep -q " $1/mnt/live/a " /proc/self/mountinfo && [ -e mnt/live/a/up ]; do sleep 0.05; done
touch mnt/live/a/go; "$T" wait a; ls mnt/archive/a; "$T" unmount mnt
! grep " $1/mnt" /proc/self/mountinfo`;

it('works in a user namespace that may mount', async () => {
  const cli = newCli({ user: 'plain' });
  writeFileSync(join(cli.base, 'script'), ROOTLESS);
  const { code, stdout } = await cli.script('exec unshare -Urm sh script "$PWD"');
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('go\nup\n') });
  expect(stdout).toContain('live/ is shown by attach');
});
