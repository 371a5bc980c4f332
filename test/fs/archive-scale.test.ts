import { execFile } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { CHUNK } from '../../src/age/index.ts';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { detach, taskfsMountAt, unmount } from '../../src/mount/index.ts';
import { mountInBackground } from '../../src/server/index.ts';
import { keyPaths, type Store, type TaskName, taskPaths } from '../../src/store/index.ts';
import { madeContent, makeArchive, makeVastArchive } from '../support/made-archive.ts';
import { repliesOf } from '../support/replies.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

const run = promisify(execFile);
const isLong = process.env.TASKFS_LONG === '1';
const MIB = 2 ** 20;
const GIB = 2 ** 30;

interface Mount {
  readonly archive: string;
  readonly pid: number;
}

async function mount(store: Store): Promise<Mount> {
  const directory = `${store.path}-mount`;
  mkdirSync(directory);
  const { mountpoint, pid } = await mountInBackground(store, directory, { driver: 'kernel' });
  onTestFinished(async () => {
    if (taskfsMountAt(mountpoint)) await unmount(mountpoint).catch(() => detach(mountpoint));
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended with its mount.
    }
  });
  return { archive: join(mountpoint, 'archive'), pid };
}

const shell = async (script: string, ...args: string[]): Promise<string> =>
  (await run('sh', ['-c', script, ...args])).stdout.trim();

const bytesRead = ({ pid }: Mount): number =>
  Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);

const residentMib = ({ pid }: Mount): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

test('an archive of very many files is walked in bounded memory, and read anywhere', async () => {
  const store = await storeWithKeys();
  const shape = { directories: isLong ? 1000 : 40, filesEach: 1000 };
  await makeArchive(store, 'many', shape);
  const mounted = await mount(store);
  const top = join(mounted.archive, 'many');
  const one = join(top, 'directory-0030');
  const before = bytesRead(mounted);
  expect(await shell('ls "$0" | wc -l', one)).toBe('1000');
  // The index is some 240 bytes a file: the first listing reads a part of it.
  expect(bytesRead(mounted) - before).toBeLessThan(4 * MIB);
  const resident = residentMib(mounted);
  const files = shape.directories * shape.filesEach;
  expect(await shell('find "$0" -type f | wc -l', top)).toBe(String(files));
  expect(await shell('ls -lR "$0" | grep -c " file-"', top)).toBe(String(files));
  expect(residentMib(mounted) - resident).toBeLessThan(80);
  expect(await readFile(join(one, 'file-0999'))).toBe(madeContent(30, 999));
  expect(await readFile(join(top, 'directory-0000/file-0000'))).toBe(madeContent(0, 0));
}, 600_000);

const readFile = async (path: string): Promise<string> => (await run('cat', [path])).stdout;

test.runIf(process.getuid?.() === 0)('files that nobody asks for are listed by name', async () => {
  const store = await storeWithKeys();
  await makeArchive(store, 'names', { directories: 30, filesEach: 200 });
  const mounted = await mount(store);
  const top = join(mounted.archive, 'names');
  const requests = async (script: string): Promise<number> => {
    const before = repliesOf(mounted.pid);
    await shell(script, top);
    return repliesOf(mounted.pid) - before;
  };
  const names = await requests('find "$0" -name nothing');
  expect(names).toBeLessThan(200);
  // What is left is asked of the top, in each second that it takes.
  expect(await requests('find "$0" -name nothing')).toBeLessThan(40);
  // The first files are asked for one by one; then listings are made anew, with attributes.
  expect(await requests('ls -lR "$0"')).toBeLessThan(1500);
  expect(await requests('ls -lR "$0"')).toBeLessThan(600);
  expect(await requests('ls -lR "$0"')).toBeLessThan(40);
});

test('thousands of archives are listed, and none is opened for it', async () => {
  const store = await storeWithKeys();
  await makeArchive(store, 'first', { directories: 1, filesEach: 1 });
  const first = taskPaths(store, 'first' as TaskName).archive;
  const count = isLong ? 10_000 : 3000;
  // One of its own: under another's name an archive is refused.
  await makeArchive(store, `task-${count - 1}`, { directories: 1, filesEach: 1 });
  for (let at = 1; at < count - 1; at++) {
    const { archive } = taskPaths(store, `task-${at}` as TaskName);
    mkdirSync(archive);
    for (const file of readdirSync(first)) linkSync(join(first, file), join(archive, file));
  }
  // Without an identity nothing can be opened.
  const { identity } = keyPaths(store);
  renameSync(identity, `${identity}-away`);
  const mounted = await mount(store);
  const before = repliesOf(mounted.pid);
  expect(await shell('ls "$0" | wc -l', mounted.archive)).toBe(String(count));
  expect(repliesOf(mounted.pid) - before).toBeLessThan(count / 4);
  expect(await shell('ls -l "$0" | grep -c "^drwx------"', mounted.archive)).toBe(String(count));
  renameSync(`${identity}-away`, identity);
  const last = join(mounted.archive, `task-${count - 1}`, 'directory-0000/file-0000');
  expect(await readFile(last)).toBe(madeContent(0, 0));
}, 120_000);

test('a file of 64 GiB of holes reads at its end at once', async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 'holes');
  const path = join(paths.staging, 'holes');
  writeFileSync(path, '');
  truncateSync(path, 64 * GIB);
  const fd = openSync(path, 'r+');
  writeSync(fd, 'the end', 64 * GIB - 7);
  closeSync(fd);
  await sealTask(store, task);
  removePlaintext(store, task);
  const mounted = await mount(store);
  const before = bytesRead(mounted);
  const sealed = join(mounted.archive, 'holes/holes');
  expect(await shell('tail -c 7 "$0"', sealed)).toBe('the end');
  expect(await shell('tail -c 1000000 "$0" | tr -d "\\0"', sealed)).toBe('the end');
  expect(bytesRead(mounted) - before).toBeLessThan(4 * MIB);
});

test('an archive of 64 GiB reads at its end at once', async () => {
  const store = await storeWithKeys();
  const end = Buffer.alloc(3 * CHUNK, 'the end of a vast archive. ');
  await makeVastArchive(store, 'vast', 64 * GIB, end);
  const mounted = await mount(store);
  const before = bytesRead(mounted);
  const file = join(mounted.archive, 'vast/vast');
  expect(await shell('stat -c %s "$0"', file)).toBe(String(64 * GIB));
  const read = await run('tail', ['-c', '150000', file], { encoding: 'buffer', maxBuffer: MIB });
  expect(read.stdout.equals(end.subarray(-150_000))).toBe(true);
  expect(bytesRead(mounted) - before).toBeLessThan(4 * MIB);
});
