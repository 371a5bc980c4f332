import { existsSync, linkSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../../errors.ts';
import { syncDirectory, writeNewFile } from '../../files/index.ts';
import {
  keyPaths,
  loadSigningKey,
  recipientsOf,
  type Store,
  type TaskName,
  type TaskRecord,
  takeLockBlocking,
  taskPaths,
} from '../../store/index.ts';
import { AT, isoNow, removeTree } from '../../sys/index.ts';
import { appendToChain, lastLineOf } from '../chain.ts';
import { isOfRecord, readGenuineSeal } from '../genuine-seal.ts';
import { openTaskKey, wrapTaskKey } from '../key-file.ts';
import { FILES, KEY_FILE, renamedPath, SEAL_FILE } from '../paths.ts';
import {
  digestRecord,
  parseSeal,
  readSealText,
  type Seal,
  serialiseSeal,
  sha256,
  signed,
} from '../seal-record.ts';

/** An archive that was made for another name, and is not there yet. Holds the lock on keys. */
export interface RenamedArchive extends Disposable {
  /** Signs it, tells the chain, and puts it in its place: there must be nothing of the new name. */
  commit(): void;
}

/**
 * Makes a task's archive for another name, beside the archives: hard links to its encrypted files,
 * whose content is not read, and its key, which says its name. What the seal says of the files, and
 * the time of sealing, stay. Only for the holder of the task's lock. Throws `damaged` where the old
 * seal is not genuine, or not of the task's record: the new one would be; `wrong-key`, `failed`.
 */
export async function renameArchive(
  store: Store,
  task: TaskName,
  renamed: TaskRecord,
  identities: readonly string[],
): Promise<RenamedArchive> {
  const seal = readGenuineSeal(store, task);
  if (!isOfRecord(store, seal)) {
    throw new TaskfsError('damaged', `the record of task ${task} is not the one that was sealed`, {
      hint: `'taskfs verify ${task}' says what is wrong.`,
    });
  }
  using made = new DisposableStack();
  // Recipients that change meanwhile would not get the key that is written here.
  made.use(takeLockBlocking(keyPaths(store).lock));
  const { archive } = taskPaths(store, task);
  const directory = renamedPath(store, renamed.task);
  const recipients = recipientsOf(store, task);
  const identity = await openTaskKey(archive, identities);
  const key = await wrapTaskKey(renamed.task, identity, recipients);
  dropRenamedArchive(store, renamed.task);
  mkdirSync(directory, { mode: 0o700 });
  for (const file of Object.values(FILES)) {
    const from = join(archive, file);
    if (existsSync(from)) linkSync(from, join(directory, file));
  }
  writeNewFile(join(directory, KEY_FILE), key);
  const held = made.move();
  return {
    commit: () => commit(store, seal, renamed, directory),
    [Symbol.dispose]: () => held.dispose(),
  };
}

function commit(store: Store, old: Seal, renamed: TaskRecord, directory: string): void {
  const { signature: _old, ...body } = old;
  const { task } = renamed;
  const key = loadSigningKey(store);
  appendToChain(
    store,
    key,
    (previous) => {
      const bound = { ...body, task, recordSha256: digestRecord(renamed), previous };
      const text = serialiseSeal(signed(bound, key));
      writeNewFile(join(directory, SEAL_FILE), text);
      syncDirectory(directory);
      return { type: 'sealed', task, seal: sha256(text), at: isoNow() };
    },
    () => placeRenamedArchive(store, task),
  );
}

/** Removes what a renaming to that name left that was cut short. */
export const dropRenamedArchive = (store: Store, name: TaskName): void =>
  removeTree(AT.FDCWD, renamedPath(store, name));

/**
 * Whether the chain records the archive that a renaming made for this name. From then on it has to
 * be ended. False where the name is another task's. Throws `damaged`.
 */
export function isRenameInChain(store: Store, renamed: TaskRecord): boolean {
  const { task } = renamed;
  const place = [renamedPath(store, task), taskPaths(store, task).archive].find((directory) =>
    existsSync(join(directory, SEAL_FILE)),
  );
  if (place === undefined) return false;
  const text = readSealText(place);
  const isItsOwn = parseSeal(text, join(place, SEAL_FILE)).recordSha256 === digestRecord(renamed);
  return isItsOwn && lastLineOf(store, task)?.seal === sha256(text);
}

/** Puts an archive that the chain records in its place, if it is not there yet. */
export function placeRenamedArchive(store: Store, name: TaskName): void {
  const directory = renamedPath(store, name);
  if (!existsSync(directory)) return;
  renameSync(directory, taskPaths(store, name).archive);
  syncDirectory(store.archive);
}
