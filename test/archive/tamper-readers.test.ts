import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { FindingKind } from '../../src/archive/finding.ts';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { exportTree, openTree } from '../../src/artifacts/index.ts';
import { detach, taskfsMountAt, unmount } from '../../src/mount/index.ts';
import { mountInBackground } from '../../src/server/index.ts';
import {
  loadIdentities,
  parseTaskName,
  readRecord,
  replaceRecord,
  type Store,
} from '../../src/store/index.ts';
import { type Cli, newCli } from '../support/cli.ts';
import { flip } from '../support/mutate.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

/** One way to tamper with a sealed archive, and what each way to read it must say of that. */
interface Tampering {
  readonly name: string;
  /**
   * `other`: the archive of another task; `stranger`: of a task of the same name in another store.
   */
  readonly spoil: (archive: string, others: { other: string; stranger: string }) => void;
  readonly verify: readonly FindingKind[];
  /** What `cat` of a file that is hit ends with, and what of it is told. */
  readonly code: 0 | 4 | 5;
  readonly says?: RegExp;
  /** What the mount answers. */
  readonly answer?: RegExp;
  /** Whether a file that is not hit still reads. */
  readonly smallReads: boolean;
}

const ENCRYPTED_CHUNK = 65_552;
const EIO = /Input\/output error/;
const tar = (archive: string): string => join(archive, 'artifacts.tar.enc');

/** Where the first chunk begins. */
function payloadOf(path: string): number {
  const bytes = readFileSync(path);
  return bytes.indexOf('\n', bytes.indexOf('\n--- ') + 1) + 17;
}

function rearrange(archive: string, order: readonly number[]): void {
  const bytes = readFileSync(tar(archive));
  const start = payloadOf(tar(archive));
  const at = (number: number): number => start + number * ENCRYPTED_CHUNK;
  const chunks = order.map((number) => bytes.subarray(at(number), at(number + 1)));
  writeFileSync(tar(archive), Buffer.concat([bytes.subarray(0, start), ...chunks]));
}

const hit = { code: 5, answer: EIO } as const;
const damaged = { ...hit, verify: ['damaged'], says: /damaged/ } as const;
const truncated = { ...hit, verify: ['truncated', 'damaged'], says: /truncated/ } as const;

const tamperings: readonly Tampering[] = [
  {
    name: 'a byte of a chunk',
    spoil: (archive) => flip(tar(archive), payloadOf(tar(archive)) + 1.5 * ENCRYPTED_CHUNK),
    ...damaged,
    smallReads: true,
  },
  {
    name: 'a tag',
    spoil: (archive) => flip(tar(archive), payloadOf(tar(archive)) + 2 * ENCRYPTED_CHUNK - 1),
    ...damaged,
    smallReads: true,
  },
  {
    name: 'the nonce',
    spoil: (archive) => flip(tar(archive), payloadOf(tar(archive)) - 3),
    ...damaged,
    smallReads: false,
  },
  {
    name: 'the header',
    spoil: (archive) => flip(tar(archive), 60),
    ...damaged,
    smallReads: false,
  },
  {
    name: 'cut at the end of a chunk',
    spoil: (archive) => truncateSync(tar(archive), payloadOf(tar(archive)) + 2 * ENCRYPTED_CHUNK),
    ...truncated,
    smallReads: false,
  },
  {
    name: 'chunks swapped',
    spoil: (archive) => rearrange(archive, [1, 0, 2, 3]),
    ...damaged,
    smallReads: true,
  },
  {
    name: 'a chunk repeated',
    spoil: (archive) => rearrange(archive, [0, 0, 2, 3]),
    ...damaged,
    smallReads: true,
  },
  {
    name: 'a chunk dropped',
    spoil: (archive) => rearrange(archive, [0, 2, 3]),
    ...damaged,
    verify: ['truncated', 'damaged'],
    smallReads: false,
  },
  {
    name: 'the index',
    spoil: (archive) => flip(join(archive, 'index.enc'), -30),
    ...damaged,
    smallReads: false,
  },
  {
    name: 'the index gone',
    spoil: (archive) => rmSync(join(archive, 'index.enc')),
    ...hit,
    verify: ['missing'],
    says: /missing/,
    smallReads: false,
  },
  {
    name: 'the key',
    spoil: (archive) => flip(join(archive, 'key.age'), -5),
    ...damaged,
    smallReads: false,
  },
  {
    name: 'the seal',
    spoil: (archive) => flip(join(archive, 'seal.json'), 300),
    ...hit,
    verify: ['damaged'],
    says: /seal\.json/,
    smallReads: false,
  },
  {
    name: 'the tar of another task',
    spoil: (archive, { other }) => cpSync(tar(other), tar(archive)),
    ...damaged,
    smallReads: false,
  },
  {
    name: 'the key of another task',
    spoil: (archive, { other }) => cpSync(join(other, 'key.age'), join(archive, 'key.age')),
    ...hit,
    verify: ['replaced'],
    says: /another task/,
    smallReads: false,
  },
  {
    name: 'the whole archive of another task',
    spoil: (archive, { other }) => {
      rmSync(archive, { recursive: true });
      cpSync(other, archive, { recursive: true });
    },
    ...hit,
    verify: ['replaced'],
    says: /that of task other/,
    smallReads: false,
  },
  {
    name: 'the archive of another store',
    spoil: (archive, { stranger }) => {
      rmSync(archive, { recursive: true });
      cpSync(stranger, archive, { recursive: true });
    },
    ...hit,
    verify: ['not-ours', 'wrong-key'],
    says: /another store/,
    smallReads: false,
  },
  {
    name: 'the archive gone',
    spoil: (archive) => rmSync(archive, { recursive: true }),
    verify: ['missing'],
    code: 5,
    says: /gone/,
    answer: /No such file/,
    smallReads: false,
  },
];

const taskOf = (number: number): string => `task-${number}`;
const largeOf = (name: string): Buffer => Buffer.alloc(200_000, `${name} is large. `);
const smallOf = (name: string): Buffer => Buffer.alloc(1000, `${name} is small. `);

async function seal(store: Store, name: string): Promise<string> {
  const { task, paths } = endedTask(store, name);
  mkdirSync(join(paths.staging, 'directory'));
  writeFileSync(join(paths.staging, 'directory/large'), largeOf(name));
  writeFileSync(join(paths.staging, 'small'), smallOf(name));
  await sealTask(store, task);
  replaceRecord(paths.record, readRecord(paths.record, task), { artifacts: 'sealed' });
  removePlaintext(store, task);
  return paths.archive;
}

/** How a program ended that was to print a file. */
async function printed(program: string, args: readonly string[]) {
  const options = { encoding: 'buffer', maxBuffer: 1 << 24, timeout: 60_000 } as const;
  try {
    const { stdout } = await promisify(execFile)(program, args, options);
    return { stdout, stderr: '' };
  } catch (error) {
    const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
    return { stdout, stderr: String(stderr) };
  }
}

/** What was printed before an error is the beginning of the truth. */
const isTrue = (bytes: Buffer, truth: Buffer): boolean =>
  truth.subarray(0, bytes.length).equals(bytes);

test('verify, cat, export, mount notice each way to tamper; none gives wrong bytes', async () => {
  const cli = newCli();
  const store = await storeWithKeys(cli.store);
  const stranger = await storeWithKeys();
  const other = await seal(store, 'other');
  for (const [number, { spoil }] of tamperings.entries()) {
    const archive = await seal(store, taskOf(number));
    spoil(archive, { other, stranger: await seal(stranger, taskOf(number)) });
  }
  const mountpoint = join(cli.base, 'mount');
  mkdirSync(mountpoint);
  await mountInBackground(store, mountpoint, { driver: 'kernel' });
  onTestFinished(async () => {
    if (taskfsMountAt(mountpoint)) await unmount(mountpoint).catch(() => detach(mountpoint));
  });
  const { stdout } = await cli.run('verify', '--deep', '--json');
  const findings = JSON.parse(stdout).findings as { task: string; kind: string }[];
  expect(findings.filter(({ task }) => task === 'other')).toEqual([]);
  for (const [number, tampering] of tamperings.entries()) {
    const task = taskOf(number);
    const kinds = findings.filter((found) => found.task === task).map(({ kind }) => kind);
    expect.soft([...new Set(kinds)].sort(), tampering.name).toEqual([...tampering.verify].sort());
    await expectCat(cli, task, tampering);
    await expectMount(mountpoint, task, tampering);
    await expectExport(store, task, tampering, join(cli.base, task));
  }
}, 180_000);

async function expectCat(cli: Cli, task: string, { name, code, says }: Tampering): Promise<void> {
  const cat = await cli.run('cat', task, 'directory/large');
  expect.soft(cat.code, name).toBe(code);
  if (says) expect.soft(cat.stderr, name).toMatch(says);
  expect.soft(isTrue(cat.bytes, largeOf(task)), name).toBe(true);
  if (code === 0) expect.soft(cat.bytes.length, name).toBe(largeOf(task).length);
}

async function expectMount(
  mountpoint: string,
  task: string,
  { name, answer, smallReads }: Tampering,
): Promise<void> {
  const at = (path: string): string => join(mountpoint, 'archive', task, path);
  const large = await printed('cat', [at('directory/large')]);
  expect.soft(isTrue(large.stdout, largeOf(task)), name).toBe(true);
  if (answer) expect.soft(large.stderr, name).toMatch(answer);
  else expect.soft(large.stdout.length, name).toBe(largeOf(task).length);
  const small = await printed('cat', [at('small')]);
  expect.soft(isTrue(small.stdout, smallOf(task)), name).toBe(true);
  expect.soft(small.stdout.length, name).toBe(smallReads ? smallOf(task).length : 0);
}

async function expectExport(
  store: Store,
  task: string,
  { name, code }: Tampering,
  directory: string,
): Promise<void> {
  const exported = async (): Promise<void> => {
    using tree = await openTree(store, parseTaskName(task), () => loadIdentities(store));
    using top = tree.find('', 'keep');
    exportTree(top, directory);
  };
  const kind = code === 4 ? 'wrong-key' : 'damaged';
  if (code === 0) await exported();
  else await expect.soft(exported(), name).rejects.toMatchObject({ kind });
  const path = join(directory, 'directory/large');
  if (existsSync(path)) expect.soft(isTrue(readFileSync(path), largeOf(task)), name).toBe(true);
}
