import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { reindexTask } from '../../src/archive/maintain/index.ts';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import type { DriverName } from '../../src/fs/index.ts';
import { detach, taskfsMountAt, unmount } from '../../src/mount/index.ts';
import { serverLog } from '../../src/server/background.ts';
import { mountInBackground } from '../../src/server/index.ts';
import { keyPaths, loadIdentities, readRecord, replaceRecord } from '../../src/store/index.ts';
import { describeContents, describeTree, makeDifficultTree } from '../support/difficult-tree.ts';
import { repliesOf } from '../support/replies.ts';
import { endedTask, type SealableTask, storeWithKeys } from '../support/sealable.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

/** Ways to serve archive/. `shared`: by the connection of live files, as plain users have it. */
interface Way {
  readonly name: string;
  readonly driver: DriverName;
  readonly shared: boolean;
}

const kernel: Way = { name: 'kernel', driver: 'kernel', shared: !isRoot };
const ways: readonly Way[] = [
  kernel,
  ...(isRoot ? [{ name: 'kernel, one connection', driver: 'kernel', shared: true } as const] : []),
  { name: 'libfuse', driver: 'libfuse', shared: true },
];

/**
 * The task's own directory shows when it was sealed, and needs no key: it is left out of
 * comparisons.
 */
const TOP = [''];

async function mounted(
  { store }: Pick<SealableTask, 'store'>,
  { driver, shared }: Way,
): Promise<string> {
  return (await served({ store }, { driver, shared })).mountpoint;
}

async function served(
  { store }: Pick<SealableTask, 'store'>,
  { driver, shared }: Omit<Way, 'name'>,
): Promise<{ mountpoint: string; pid: number }> {
  const directory = `${store.path}-mount`;
  await mkdir(directory);
  const { mountpoint, pid, notes } = await mountInBackground(store, directory, { driver });
  onTestFinished(async () => {
    if (taskfsMountAt(mountpoint)) await unmount(mountpoint).catch(() => detach(mountpoint));
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended with its mount.
    }
  });
  const inner = taskfsMountAt(mountpoint)?.archive;
  // The notes say why it has none.
  expect({ inner: inner !== undefined, notes }).toMatchObject({
    inner: isRoot && driver === 'kernel',
  });
  // Lazily: programs that look into each new mount, as desktops' do, have it in use for moments.
  if (inner && shared) await run('umount', ['-l', inner.mountpoint]);
  return { mountpoint, pid };
}

async function seal(sealable: SealableTask): Promise<void> {
  const { store, task, paths } = sealable;
  await sealTask(store, task);
  replaceRecord(paths.record, readRecord(paths.record, task), { artifacts: 'sealed' });
  removePlaintext(store, task);
}

describe.each(ways)('archive/ ($name)', (way) => {
  const { driver } = way;

  test('shows the tree as it was: names, modes, times, links, holes, content', async () => {
    const sealable = endedTask(await storeWithKeys(), 'done');
    makeDifficultTree(sealable.paths.staging);
    const special = driver === 'libfuse' ? rawNames(sealable.paths.staging) : [];
    for (const name of special) rmSync(name);
    const leaveTimes = (lines: string[]) =>
      driver === 'libfuse' ? lines.map((line) => line.replace(/\t-?\d+\.\d+/, '')) : lines;
    const before = leaveTimes(describeTree(sealable.paths.staging, TOP));
    const contents = describeContents(sealable.paths.staging);
    await seal(sealable);
    const mountpoint = await mounted(sealable, way);
    const shown = join(mountpoint, 'archive/done');
    expect(leaveTimes(describeTree(shown, TOP))).toEqual(before);
    const { hashes, attributes } = describeContents(shown);
    const withoutTop = attributes.replace(/^# file: \.\n(user\.taskfs\..*\n)+\n/, '');
    expect({ hashes, attributes: withoutTop }).toEqual(contents);
    expect((await run('ls', [join(mountpoint, 'live')])).stdout).toBe('');
  });

  test('refuses every change with EROFS', async () => {
    const sealable = endedTask(await storeWithKeys(), 'done');
    writeFileSync(join(sealable.paths.staging, 'f'), 'sealed');
    await seal(sealable);
    const directory = join(await mounted(sealable, way), 'archive/done');
    // With libfuse the kernel judges by mode bits before it asks; root passes them all.
    const isJudged = driver === 'libfuse' && process.getuid?.() !== 0;
    const refusal = isJudged ? /Read-only file system|Permission denied/ : /Read-only file system/;
    for (const command of [
      'echo x > f',
      'echo x >> f',
      'echo x > new',
      'rm f',
      'mkdir d',
      'mv f g',
      'ln f g',
      'ln -s f g',
      'chmod 600 f',
      'touch f',
      'truncate -s 0 f',
      'setfattr -n user.x -v y f',
      'mkdir ../other',
      'rmdir ../done',
    ]) {
      const failure = run('sh', ['-c', command], {
        cwd: directory,
        env: { ...process.env, LC_ALL: 'C' },
      });
      await expect(failure, command).rejects.toMatchObject({
        stderr: expect.stringMatching(refusal),
      });
    }
    expect((await run('cat', [join(directory, 'f')])).stdout).toBe('sealed');
    if (driver === 'libfuse') return;
    const mayWrite = "for (const name of ['f', '.']) fs.accessSync(name, fs.constants.W_OK)";
    const refused = run(process.execPath, ['-e', mayWrite], { cwd: directory });
    await expect(refused).rejects.toMatchObject({ stderr: expect.stringMatching(/EROFS/) });
  });

  test('tells by xattrs what it shows', async () => {
    const sealable = endedTask(await storeWithKeys(), 'done', { reason: 'as planned' });
    writeFileSync(join(sealable.paths.staging, 'f'), 'abc');
    await seal(sealable);
    const directory = join(await mounted(sealable, way), 'archive/done');
    const get = async (name: string, path: string) =>
      (await run('getfattr', ['--only-values', '-n', `user.taskfs.${name}`, path])).stdout;
    expect(await get('status', directory)).toBe('completed');
    expect(await get('mode', directory)).toBe('archived');
    expect(await get('reason', directory)).toBe('as planned');
    expect(await get('task', join(directory, 'f'))).toBe('done');
    expect(await get('sha256', join(directory, 'f'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    const listed = (await run('getfattr', ['-d', directory])).stdout;
    expect(listed).toContain('user.taskfs.status');
    expect((await run('getfattr', ['-d', join(directory, 'f')])).stdout).toBe('');
    const { stderr } = await run('sh', ['-c', 'getfattr -n security.x f; lsattr f; :'], {
      cwd: directory,
      env: { ...process.env, LC_ALL: 'C' },
    });
    expect(stderr.match(/Operation not supported/g), stderr).toHaveLength(2);
  });

  test('damage is EIO for the files in it, with a line in the log; others still read', async () => {
    const sealable = endedTask(await storeWithKeys(), 'hurt');
    const { staging, archive } = sealable.paths;
    for (const name of ['a', 'b', 'c'])
      writeFileSync(join(staging, name), Buffer.alloc(400_000, name));
    await seal(sealable);
    flipByte(join(archive, 'artifacts.tar.enc'), 600_000);
    const directory = join(await mounted(sealable, way), 'archive/hurt');
    await expect(run('cat', [join(directory, 'b')])).rejects.toMatchObject({
      stderr: expect.stringContaining('Input/output error'),
    });
    for (const name of ['a', 'c']) {
      expect((await run('cat', [join(directory, name)])).stdout).toBe(name.repeat(400_000));
    }
    expect(readFileSync(serverLog(sealable.store), 'utf8')).toMatch(
      /task hurt: a file cannot be read at its byte \d+/,
    );
  });

  test('without an identity it is listed, and answers EACCES', async () => {
    const sealable = endedTask(await storeWithKeys(), 'done');
    writeFileSync(join(sealable.paths.staging, 'f'), 'abc');
    await seal(sealable);
    const { identity } = keyPaths(sealable.store);
    renameSync(identity, `${identity}-away`);
    const mountpoint = await mounted(sealable, way);
    expect((await run('ls', [join(mountpoint, 'archive')])).stdout).toBe('done\n');
    await expect(run('ls', [join(mountpoint, 'archive/done')])).rejects.toMatchObject({
      stderr: expect.stringContaining('Permission denied'),
    });
  });

  test('a task moves from live/ to archive/ at once, and its log is read in both', async () => {
    const sealable = endedTask(await storeWithKeys(), 'moving');
    writeFileSync(join(sealable.paths.staging, 'f'), 'abc');
    const mountpoint = await mounted(sealable, way);
    const log = join(mountpoint, 'logs/moving.log');
    expect((await run('cat', [join(mountpoint, 'live/moving/f')])).stdout).toBe('abc');
    expect((await run('cat', [log])).stdout).toBe('what moving printed\n');
    await expect(run('touch', [join(mountpoint, 'live/moving/g')])).rejects.toMatchObject({
      stderr: expect.stringContaining('Read-only file system'),
    });
    await seal(sealable);
    expect((await run('ls', [join(mountpoint, 'live')])).stdout).toBe('');
    expect((await run('cat', [join(mountpoint, 'archive/moving/f')])).stdout).toBe('abc');
    await until('the log is of its sealed size', async () => {
      const { stdout } = await run('stat', ['-c', '%s', log]);
      return stdout === '20\n';
    });
    expect((await run('cat', [log])).stdout).toBe('what moving printed\n');
  });
});

test.each(ways)(
  'a mount sees an index that is made anew, and takes no place of the old one for its own ($name)',
  async (way) => {
    const store = await storeWithKeys();
    const sealable = endedTask(store, 'done');
    const { staging, archive } = sealable.paths;
    mkdirSync(join(staging, 'd'));
    // A pipe is in the index and not in the tar: all that comes after it moves.
    await run('mkfifo', [join(staging, 'd/a-pipe')]);
    const names = ['one', 'two', 'three'];
    for (const name of names) writeFileSync(join(staging, 'd', name), `${name} `.repeat(1000));
    await seal(sealable);
    for (let number = 0; number < 33; number++) await seal(endedTask(store, `other-${number}`));
    const mountpoint = await mounted(sealable, way);
    const shown = join(mountpoint, 'archive/done/d');
    const script = `cd "$0"; exec 3<one; ls; read line; exec 2>"$1/errors"
    cat <&3 >"$1/one" || echo stale >"$1/one"
    for name in two three; do cat $name >"$1/$name" || echo stale >"$1/$name"; done`;
    const out = `${store.path}-out`;
    mkdirSync(out);
    const reader = spawn('sh', ['-c', script, shown, out], { stdio: ['pipe', 'pipe', 'ignore'] });
    onTestFinished(() => void reader.kill('SIGKILL'));
    const ended = once(reader, 'close');
    expect(String(await once(reader.stdout, 'data'))).toContain('a-pipe');
    rmSync(join(archive, 'index.enc'));
    const { lost } = await reindexTask(store, sealable.task, {
      identities: await loadIdentities(store),
    });
    expect(lost).toHaveLength(1);
    const list = async (path: string) => (await run('ls', [path])).stdout.trim().split('\n');
    await until('the mount shows it', async () => !(await list(shown)).includes('a-pipe'));
    for (const name of names) {
      expect((await run('cat', [join(shown, name)])).stdout).toBe(`${name} `.repeat(1000));
    }
    // All others are looked at, so that the server lets go of the archive that it had open.
    await run('find', [join(mountpoint, 'archive'), '-mindepth', '2', '-maxdepth', '2']);
    reader.stdin.end('go on\n');
    await ended;
    for (const name of names) {
      const read = readFileSync(join(out, name), 'utf8');
      expect([`${name} `.repeat(1000), 'stale\n']).toContain(read);
    }
    expect(readFileSync(join(out, 'errors'), 'utf8')).not.toMatch(/Input.output error/);
  },
);

test.runIf(isRoot)('what was read once is read again without a request', async () => {
  const sealable = endedTask(await storeWithKeys(), 'done');
  const { staging } = sealable.paths;
  for (let at = 0; at < 40; at++) {
    mkdirSync(join(staging, `d${at}`));
    for (const name of ['a', 'b', 'c'])
      writeFileSync(join(staging, `d${at}`, name), `${at}${name}`);
    symlinkSync('a', join(staging, `d${at}/link`));
  }
  writeFileSync(join(staging, 'large'), Buffer.alloc(3_000_000, 'large'));
  await seal(sealable);
  const { mountpoint, pid } = await served(sealable, kernel);
  const script =
    'cd "$0" && find . -ls | sort -k 11 && grep -rl a . | sort && md5sum large && cat d*/link';
  const read = async () =>
    (await run('sh', ['-c', script, join(mountpoint, 'archive/done')])).stdout;
  const first = await read();
  // Some three hundred names, listings and contents: what is left is asked of the top, by each
  // program and in each second that it takes.
  const before = repliesOf(pid);
  expect(await read()).toBe(first);
  expect(repliesOf(pid) - before).toBeLessThan(60);
});

test.each(ways)('a task is never in neither place, nor is a listing old ($name)', async (way) => {
  const store = await storeWithKeys();
  const mountpoint = await mounted({ store }, way);
  const [live, archive] = [join(mountpoint, 'live'), join(mountpoint, 'archive')];
  const script =
    'while [ ! -e "$2" ]; do ls "$0" > "$3"; ls "$1" >> "$3"; grep -q . "$3" || echo neither; done';
  const stop = `${store.path}-stop`;
  const sealable = endedTask(store, 'moving');
  const watching = run('sh', ['-c', script, live, archive, stop, `${store.path}-seen`]);
  await seal(sealable);
  expect((await run('ls', [archive])).stdout).toBe('moving\n');
  const { task, paths } = endedTask(store, 'second');
  expect((await run('ls', [archive])).stdout).toBe('moving\n');
  await seal({ store, task, paths });
  expect((await run('ls', [archive])).stdout).toBe('moving\nsecond\n');
  writeFileSync(stop, '');
  expect((await watching).stdout).toBe('');
});

// The fuse-native package does not pass lseek on.
const seeking = ways.filter(({ driver }) => driver !== 'libfuse');

test.each(seeking)('holes are found by lseek ($name)', async (way) => {
  const sealable = endedTask(await storeWithKeys(), 'done');
  const name = join(sealable.paths.staging, 'sparse');
  const make = 'echo data | dd of="$0" bs=1M seek=32 status=none; truncate -s 100M "$0"';
  await run('sh', ['-c', make, name]);
  await seal(sealable);
  const sealed = join(await mounted(sealable, way), 'archive/done/sparse');
  const copy = `${sealable.store.path}-copy`;
  await run('cp', ['--sparse=auto', sealed, copy]);
  await run('cmp', [sealed, copy]);
  expect(statSync(copy).size).toBe(100 * 2 ** 20);
  expect(statSync(copy).blocks * 512).toBeLessThan(2 ** 20);
});

test('a growing log is followed', async () => {
  const sealable = endedTask(await storeWithKeys(), 'talking');
  const mountpoint = await mounted(sealable, kernel);
  const tail = execFile('tail', ['-n', '+1', '-f', join(mountpoint, 'logs/talking.log')]);
  onTestFinished(() => void tail.kill('SIGKILL'));
  let seen = '';
  tail.stdout?.on('data', (text) => {
    seen += text;
  });
  await until('the first line', () => seen.includes('talking printed'));
  const fd = openSync(sealable.paths.log, 'a');
  for (let at = 0; at < 5; at++) {
    writeSync(fd, `line ${at}\n`);
    await until(`line ${at}`, () => seen.includes(`line ${at}\n`));
  }
  closeSync(fd);
});

function flipByte(path: string, offset: number): void {
  const fd = openSync(path, 'r+');
  const byte = readFileSync(path)[offset] ?? 0;
  writeSync(fd, Buffer.from([byte ^ 1]), 0, 1, offset);
  closeSync(fd);
}

/** Names that are no UTF-8, which the fuse-native package cannot show as they are. */
function rawNames(directory: string): Buffer[] {
  const name = Buffer.concat([
    Buffer.from(`${directory}/raw`),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('name'),
  ]);
  return statSync(name, { throwIfNoEntry: false }) ? [name] : [];
}
