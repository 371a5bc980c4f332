import { closeSync, fsyncSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AgeHeader,
  createAgeFile,
  EncryptedWriter,
  headerMac,
  makeHeader,
  openDecrypted,
  readHeader,
} from '../../age/index.ts';
import { messageOf, TaskfsError } from '../../errors.ts';
import { openRequiredFile } from '../../files/index.ts';
import { counted } from '../../quantities.ts';
import type { TaskName } from '../../store/index.ts';
import { loadSigningKey, readRecord, type Store, takeLock, taskPaths } from '../../store/index.ts';
import { AT, removeTree } from '../../sys/index.ts';
import type { TarSource } from '../../tar/index.ts';
import { CooperativeYield } from '../cooperative-yield.ts';
import { checkIndex } from '../index/check.ts';
import { IndexWriter } from '../index/writer.ts';
import { openTaskKey } from '../key-file.ts';
import { FILES, reindexedPath } from '../paths.ts';
import type { FileSeal, Seal } from '../seal-record.ts';
import { unlockPart } from '../unlock.ts';
import { readThrough } from '../verify/read-through.ts';
import { trustedSeal } from '../verify/seal.ts';
import { NotAsWritten, readBack, readBackError } from '../write/read-back.ts';
import { type Rebuilt, rebuildIndex } from './rebuild-index.ts';
import { commitReindex, finishReindex } from './reindex-commit.ts';

export interface ReindexOptions {
  readonly identities: readonly string[];
  /** Bytes of the tar read so far. */
  readonly onProgress?: ((progress: { bytes: number; totalBytes: number }) => void) | undefined;
}

/** What became of an archive's index. */
export interface Reindexed {
  readonly task: TaskName;
  /** False where it was whole: then nothing was written. */
  readonly rebuilt: boolean;
  readonly files: number;
  /** What was in the index and is not in the tar, a sentence each. */
  readonly lost: readonly string[];
}

/**
 * Rebuilds a sealed task's index from its tar, where it is not as it was sealed. The seal must be
 * trustworthy and the tar the one that it names; content that is damaged stays damaged. The new
 * index is signed and takes its place together with its seal, atomically; `finishReindex` ends
 * what a killed process leaves. Throws `not-found`, `usage` where somebody works on the task,
 * `wrong-key`, `damaged` where the index cannot be rebuilt, `failed` without the signing key.
 */
export async function reindexTask(
  store: Store,
  task: TaskName,
  options: ReindexOptions,
): Promise<Reindexed> {
  try {
    return await rebuildIfDamaged(store, task, options);
  } catch (error) {
    throw explain(task, error);
  }
}

async function rebuildIfDamaged(
  store: Store,
  task: TaskName,
  options: ReindexOptions,
): Promise<Reindexed> {
  const paths = taskPaths(store, task);
  readRecord(paths.record, task);
  using lock = takeLock(paths.lock);
  if (!lock) throw new TaskfsError('usage', `another process is working on task ${task}`);
  finishReindex(store, task);
  const key = loadSigningKey(store);
  const seal = trustedSeal(store, task);
  const identity = await taskIdentity(paths.archive, seal, options.identities);
  if (await isWhole(paths.archive, identity, seal)) {
    return { task, rebuilt: false, files: seal.fileCount, lost: [] };
  }
  const fileKey = await artifactsKey(paths.archive, identity, seal);
  const tar = openDecrypted(join(paths.archive, FILES.artifacts), fileKey);
  try {
    const directory = reindexedPath(store, task);
    removeTree(AT.FDCWD, directory);
    mkdirSync(directory, { mode: 0o700 });
    const { rebuilt, sealed } = await writeIndex(directory, tar, seal, options);
    commitReindex(store, task, key, { ...seal, files: { ...seal.files, [FILES.index]: sealed } });
    return { task, rebuilt: true, files: rebuilt.files, lost: lossesOf(seal, rebuilt) };
  } catch (error) {
    clearUp(store, task);
    throw error;
  } finally {
    tar.close();
  }
}

/** Puts refusals of the system in words, as for a full or read-only disk. */
function explain(task: TaskName, error: unknown): unknown {
  if (error instanceof TaskfsError || !(error instanceof Error && 'errno' in error)) return error;
  const message = `the index of task ${task} cannot be rebuilt: ${messageOf(error)}`;
  return new TaskfsError('failed', message, { hint: 'Its archive is as it was.', cause: error });
}

/** Clears up, if that is possible: else the next recovery does. */
function clearUp(store: Store, task: TaskName): void {
  try {
    finishReindex(store, task);
  } catch {
    // The first failure is the one to report.
  }
}

async function taskIdentity(
  archive: string,
  seal: Seal,
  identities: readonly string[],
): Promise<string> {
  const { identityToRecipient } = await import('age-encryption');
  const identity = await openTaskKey(archive, identities);
  if ((await identityToRecipient(identity)) === seal.recipient) return identity;
  throw new TaskfsError('damaged', `key.age of task ${seal.task} holds another task's key`);
}

async function isWhole(archive: string, identity: string, seal: Seal): Promise<boolean> {
  try {
    const fileKey = await unlockPart(archive, identity, 'index');
    const { sha256 } = await readThrough(join(archive, FILES.index), fileKey, () => {});
    return sha256 === seal.files[FILES.index].sha256;
  } catch (error) {
    if (error instanceof TaskfsError && error.kind === 'damaged') return false;
    throw error;
  }
}

/**
 * The key of the tar that was sealed. The signed seal holds its header's MAC, so no other tar
 * passes; and under its key, no chunk that was not sealed.
 */
async function artifactsKey(archive: string, identity: string, seal: Seal): Promise<Uint8Array> {
  const path = join(archive, FILES.artifacts);
  const fd = openRequiredFile(path);
  try {
    if (headerMac(readHeader(fd, path)) === seal.files[FILES.artifacts].mac) {
      return await unlockPart(archive, identity, 'artifacts');
    }
  } finally {
    closeSync(fd);
  }
  throw new TaskfsError('damaged', `the header of ${path} is not the one that was sealed`, {
    hint: 'Without it nothing can be read: put the file back from a backup.',
  });
}

async function writeIndex(
  directory: string,
  tar: TarSource,
  seal: Seal,
  { onProgress }: ReindexOptions,
): Promise<{ rebuilt: Rebuilt; sealed: FileSeal }> {
  if (tar.size !== seal.bytes) throw notTheTar(seal, `${tar.size} bytes of ${seal.bytes}`);
  const { default: mime } = await import('mime');
  const header = await makeHeader([seal.recipient]);
  const path = join(directory, FILES.index);
  const { result: rebuilt, sha256 } = await writeEncrypted(path, header, (file) =>
    rebuildIndex(tar, new IndexWriter(file), {
      mimeOf: (name) => mime.getType(name),
      onProgress: (bytes) => onProgress?.({ bytes, totalBytes: tar.size }),
    }),
  );
  if (rebuilt.files !== seal.fileCount) {
    throw notTheTar(seal, `${rebuilt.files} files of ${seal.fileCount}`);
  }
  try {
    const sealed = await readBack(path, header.fileKey, sha256);
    await checkIndex(path, header.fileKey, tar.size, new CooperativeYield(() => {}));
    return { rebuilt, sealed };
  } catch (error) {
    throw error instanceof NotAsWritten ? readBackError(path, error) : error;
  }
}

const notTheTar = ({ task }: Seal, what: string): TaskfsError =>
  new TaskfsError('damaged', `artifacts.tar.enc of task ${task} is not whole: it holds ${what}`);

async function writeEncrypted<T>(
  path: string,
  header: AgeHeader,
  write: (file: EncryptedWriter) => Promise<T>,
): Promise<{ result: T; sha256: string }> {
  const file = createAgeFile(path, header);
  try {
    const writer = new EncryptedWriter(file);
    const result = await write(writer);
    const sha256 = writer.finish();
    fsyncSync(file.fd);
    return { result, sha256 };
  } finally {
    closeSync(file.fd);
  }
}

function lossesOf({ skippedCount }: Seal, { damaged }: Rebuilt): string[] {
  const lost: string[] = [];
  if (skippedCount > 0) {
    lost.push(`${skippedCount} sockets, pipes or devices, which only the old index listed`);
  }
  if (damaged > 0) lost.push(`the sha256 of ${counted(damaged, 'file')} whose content is damaged`);
  return lost;
}
