import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileKeys } from '../archive/index.ts';
import type { Unpacked } from '../archive/share/index.ts';
import { encodeText } from '../process/index.ts';
import { absolutePath, type TaskName } from '../store/index.ts';
import { keepMemoryPrivate } from '../sys/index.ts';
import { openArchiveTree } from './archive-tree.ts';
import { exportTree } from './export.ts';
import { readLog } from './log-lines.ts';

/** Tasks that came from outside as one file of `taskfs share`. */

/** A shared task in a directory of its own, still encrypted; disposing of it removes that. */
export interface SharedTask extends Unpacked, Disposable {}

/**
 * Unpacks a shared task, and checks it: the signature by the key that comes with it, which must be
 * that of `signer` where one is named, as `verify` takes it. Throws `usage` where that names none,
 * `damaged`, `failed`.
 */
export async function openSharedTask(
  file: string,
  signer: string | undefined,
): Promise<SharedTask> {
  const { unpackShare } = await import('../archive/share/index.ts');
  const { parseKept } = await import('../archive/verify/index.ts');
  const named = parseKept(signer, undefined).signer;
  using scratch = new DisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'taskfs-receive-'));
  scratch.defer(() => rmSync(directory, { recursive: true, force: true }));
  const unpacked = unpackShare(file, directory, named);
  const kept = scratch.move();
  return { ...unpacked, [Symbol.dispose]: () => kept.dispose() };
}

/** An unpacked archive that was checked, and the keys to read it. */
export interface UnlockedArchive {
  /** What the task is called where it comes from. */
  readonly task: TaskName;
  /** The directory of the archive. */
  readonly archive: string;
  readonly keys: FileKeys;
}

/** Throws `wrong-key` where no identity opens it, `damaged`. */
export async function unlockSharedTask(
  { task, archive, seal }: SharedTask,
  identities: readonly string[],
): Promise<UnlockedArchive> {
  const { unlockArchive } = await import('../archive/index.ts');
  return { task, archive, keys: await unlockArchive(archive, identities, seal) };
}

/**
 * Copies the files of a shared task into a new or empty directory, and hands on what it printed.
 * Throws as `exportTree`, and `damaged`.
 */
export async function copySharedTask(
  { task, archive, keys }: UnlockedArchive,
  directory: string,
  print: (piece: Buffer) => Promise<unknown>,
): Promise<void> {
  const { openArchive } = await import('../archive/index.ts');
  const reader = openArchive(archive, keys);
  using tree = openArchiveTree(task, reader);
  using top = tree.find('', 'keep');
  exportTree(top, encodeText(absolutePath(directory)));
  const log = { read: (into: Uint8Array, offset: number) => reader.readLog(into, offset) };
  const whole = { from: 0, end: reader.logSize() };
  for (const { bytes } of readLog(log, whole)) await print(bytes);
}

/** Where the command of a task that copies one finds it, as JSON with the keys in hexadecimal. */
const UNLOCKED = 'TASKFS_UNLOCKED';

/** The variables that hand an unlocked archive on to the command of a task. They are secret. */
export function handOn({
  keys: { artifacts, index, log },
  task,
  archive,
}: UnlockedArchive): Readonly<Record<string, string>> {
  const keys = [artifacts, index, log].map((key) => Buffer.from(key).toString('hex'));
  return { [UNLOCKED]: JSON.stringify({ task, archive, keys }) };
}

/** What this process was handed on, if it is such a command. */
export function handedOn(): UnlockedArchive | undefined {
  const text = process.env[UNLOCKED];
  if (text === undefined) return undefined;
  keepMemoryPrivate();
  const { task, archive, keys } = JSON.parse(text);
  const [artifacts, index, log] = keys.map((key: string) => Buffer.from(key, 'hex'));
  return { task, archive, keys: { artifacts, index, log } };
}
