/**
 * Where something that is no file, or far too long a file, lies in a file's place: nobody waits for
 * it.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { detach, unmount } from '../../src/mount/index.ts';
import { mountInBackground } from '../../src/server/index.ts';
import { readRecord, replaceRecord, type Store } from '../../src/store/index.ts';
import { type Cli, finished, newCli, type Ran } from '../support/cli.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

const PARTS = ['artifacts.tar.enc', 'index.enc', 'log.enc', 'key.age', 'seal.json'] as const;

/** What is put in the place of a file, and what is said of it. */
interface Put {
  readonly name: string;
  readonly put: (path: string) => void;
  readonly says: RegExp;
}

const pipe: Put = {
  name: 'pipe',
  put: (path) => {
    rmSync(path, { force: true });
    execFileSync('mkfifo', [path]);
  },
  says: /it is a pipe, not a file/,
};
const link: Put = {
  name: 'link',
  put: (path) => {
    renameSync(path, `${path}-elsewhere`);
    symlinkSync(`${path}-elsewhere`, path);
  },
  says: /it is a symbolic link, not a file/,
};
const directory: Put = {
  name: 'directory',
  put: (path) => {
    rmSync(path);
    mkdirSync(path);
  },
  says: /it is a directory, not a file/,
};
const huge: Put = {
  name: 'huge',
  put: (path) => truncateSync(path, 8 * 1024 ** 3),
  says: /at most \d+ can be right/,
};
const device: Put = {
  name: 'device',
  put: (path) => {
    rmSync(path);
    execFileSync('mknod', [path, 'c', '1', '5']);
  },
  says: /it is a device, not a file/,
};

const isRoot = process.geteuid?.() === 0;
const spoilings: readonly (readonly [part: (typeof PARTS)[number], Put])[] = [
  ...PARTS.map((part) => [part, pipe] as const),
  ['artifacts.tar.enc', link],
  ['seal.json', link],
  ['index.enc', directory],
  ['key.age', huge],
  ['seal.json', huge],
  // Only root can make one.
  ...(isRoot ? ([['key.age', device]] as const) : []),
];

const taskOf = (part: string, { name }: Put): string => `${part.replaceAll('.', '-')}-${name}`;

async function seal(store: Store, name: string): Promise<string> {
  const { task, paths } = endedTask(store, name);
  writeFileSync(join(paths.staging, 'file'), name);
  await sealTask(store, task);
  replaceRecord(paths.record, readRecord(paths.record, task), { artifacts: 'sealed' });
  removePlaintext(store, task);
  return paths.archive;
}

/** Ends with null where it took longer than anything that does not wait. */
async function bounded(cli: Cli, ...args: string[]): Promise<Ran> {
  const child = cli.start(...args);
  child.stdin.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  try {
    return await finished(child);
  } finally {
    clearTimeout(timer);
  }
}

test('a pipe, link, device or huge file as an archive’s part is damage at once', async () => {
  const cli = newCli();
  const store = await storeWithKeys(cli.store);
  for (const [part, put] of spoilings) put.put(join(await seal(store, taskOf(part, put)), part));
  await seal(store, 'whole');
  const mountpoint = join(cli.base, 'mount');
  mkdirSync(mountpoint);
  await mountInBackground(store, mountpoint, { driver: 'kernel' });
  onTestFinished(() => unmount(mountpoint).catch(() => detach(mountpoint)));

  const verified = await bounded(cli, 'verify', '--deep', '--json');
  expect(verified.code, verified.stderr).toBe(5);
  const { findings } = JSON.parse(verified.stdout) as {
    findings: { task: string; message: string; kind: string }[];
  };
  for (const [part, put] of spoilings) {
    const task = taskOf(part, put);
    const found = findings.filter((finding) => finding.task === task);
    expect.soft(found[0], task).toMatchObject({ message: expect.stringMatching(put.says) });
    const read = part === 'log.enc' ? ['logs', task] : ['cat', task, 'file'];
    const ran = await bounded(cli, ...read);
    expect.soft([task, ran.code], ran.stderr).toEqual([task, 5]);
    expect.soft(ran.stderr, task).toMatch(put.says);
    const file = part === 'log.enc' ? `logs/${task}.log` : `archive/${task}/file`;
    const cat = promisify(execFile)('cat', [join(mountpoint, file)], { timeout: 30_000 });
    await expect.soft(cat, task).rejects.toMatchObject({ code: 1 });
  }
  expect(findings.filter(({ task }) => task === 'whole')).toEqual([]);
  expect((await bounded(cli, 'cat', 'whole', 'file')).stdout).toBe('whole');
});

test('the same in the place of a record, events, keys, the chain or store.json', async () => {
  const cli = newCli();
  const store = await storeWithKeys(cli.store);
  await seal(store, 'task');
  const at = (path: string): string => join(store.path, path);
  const cases = [
    ['tasks/task/task.json', ['status', 'task']],
    ['tasks/task/task.json', ['cat', 'task', 'file']],
    ['tasks/task/events.jsonl', ['events', 'task']],
    ['seals.jsonl', ['verify']],
    ['keys/recipients.txt', ['key', 'show']],
    ['keys/signing.pub', ['verify']],
    ['keys/identity.txt', ['cat', 'task', 'file']],
    ['store.json', ['ps']],
  ] as const;
  for (const [path, args] of cases) {
    if (path.endsWith('events.jsonl')) writeFileSync(at(path), '');
    renameSync(at(path), at(`${path}.kept`));
    pipe.put(at(path));
    const ran = await bounded(cli, ...args);
    expect.soft(ran.stderr, path).toMatch(pipe.says);
    expect.soft([path, ran.code], ran.stderr).not.toEqual([path, null]);
    expect.soft(ran.stderr, path).not.toMatch(/not expected/);
    renameSync(at(`${path}.kept`), at(path));
  }
});
