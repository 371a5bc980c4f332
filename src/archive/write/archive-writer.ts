import { closeSync, fsync, readSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type AgeHeader,
  createAgeFile,
  EncryptedWriter,
  encryptedSize,
  headerMac,
  makeHeader,
  type NewAgeFile,
  newAgePair,
} from '../../age/index.ts';
import { unlessMissing } from '../../errno.ts';
import { TaskfsError } from '../../errors.ts';
import { openRegularFile, syncDirectory, writeNewFile } from '../../files/index.ts';
import type { TaskName } from '../../store/index.ts';
import { loadRecipients, type Store, taskPaths } from '../../store/index.ts';
import { CooperativeYield } from '../cooperative-yield.ts';
import { checkIndex } from '../index/check.ts';
import { IndexWriter } from '../index/writer.ts';
import { wrapTaskKey } from '../key-file.ts';
import { FILES, KEY_FILE, type Part } from '../paths.ts';
import type { EncryptedFile, FileSeal } from '../seal-record.ts';
import { writeIndex } from './layout-index.ts';
import { LayoutLog } from './layout-log.ts';
import { closeDirect, type DirectFile, openDirect } from './o-direct.ts';
import { NotAsWritten, readBack, readBackError } from './read-back.ts';
import { SEGMENT } from './ring-buffer.ts';
import { findOwnLinks, layOutTree, type OwnLink, type TarLayout } from './tar-layout.ts';
import { TarWriter } from './tar-writer.ts';
import type { OnChmod } from './temporary-chmod.ts';
import { type LeaveOut, openCursor } from './walk.ts';
import { WorkerPool } from './worker-pool.ts';

/** The files of an archive that lacks only its seal. */
export interface WrittenFiles
  extends Pick<
    TarLayout,
    'tree' | 'bytes' | 'files' | 'skipped' | 'skippedCount' | 'leftOut' | 'leftOutCount'
  > {
  readonly ownLinks: readonly OwnLink[];
  /** The task's own, and whom key.age gives it to. */
  readonly identity: string;
  readonly recipient: string;
  readonly sealedFor: readonly string[];
  readonly seals: Readonly<Record<EncryptedFile, FileSeal>>;
}

/** Bytes of the tar written and read back, of how many; files written. */
export interface TarProgress {
  readonly written: number;
  readonly checked: number;
  readonly total: number;
  readonly files: number;
}

export interface WriteOptions {
  /** The absolute paths by which the task knew the top of its files. */
  readonly ownPaths: readonly string[];
  /** The top of the task's files. */
  readonly top: string;
  /** Whether files may be open for writing, see ContentOptions. */
  readonly mayBeOpen: boolean;
  readonly onChmod: OnChmod;
  readonly leaveOut: LeaveOut;
  readonly onProgress: (passes: TarProgress) => void;
}

/** What takes longer than starting workers takes; less is sealed by the calling thread alone. */
const WORTH_WORKERS = { bytes: 8 * 1024 * 1024, entries: 1000 };

/**
 * Writes the encrypted files of a task's archive into an empty directory, makes them durable, and
 * reads them back. The task gets an identity of its own; key.age holds it for the store's
 * recipients. Throws TreeChanged, Errno, `failed`.
 */
export async function writeArchive(
  store: Store,
  task: TaskName,
  directory: string,
  options: WriteOptions,
): Promise<WrittenFiles> {
  const { onChmod, leaveOut, top } = options;
  const { log } = taskPaths(store, task);
  await using workers = new WorkerPool();
  using layoutLog = new LayoutLog(directory);
  const onGrowth = (bytes: number, entries: number): void => {
    if (bytes > WORTH_WORKERS.bytes || entries > WORTH_WORKERS.entries) workers.start(bytes);
  };
  const layout = layOutTree(top, layoutLog, { onChmod, leaveOut, onGrowth });
  const { keys, key, headers } = await makeKeys(store, task);
  writeNewFile(join(directory, KEY_FILE), key);
  using files = createFiles(directory, headers);
  // No worker may write to a descriptor that is closed, and perhaps another file's by then.
  await using _ = workers;
  const seals = await writeFiles({
    layout,
    log,
    files,
    workers,
    directory,
    headers,
    options,
  });
  syncDirectory(directory);
  const { tree, bytes, files: count, skipped, skippedCount, leftOut, leftOutCount } = layout;
  const ownLinks = findOwnLinks(layoutLog, options.ownPaths);
  const others = { tree, skipped, skippedCount, leftOut, leftOutCount, ownLinks };
  return { bytes, files: count, ...others, ...keys, seals };
}

type Headers = Readonly<Record<Part, AgeHeader>>;

async function makeKeys(store: Store, task: TaskName) {
  const { identity, recipient } = newAgePair();
  const sealedFor = loadRecipients(store);
  const key = await wrapTaskKey(task, identity, sealedFor);
  const header = (): Promise<AgeHeader> => makeHeader([recipient]);
  const [artifacts, index, log] = await Promise.all([header(), header(), header()]);
  const headers = { artifacts, index, log } satisfies Headers;
  return { keys: { identity, recipient, sealedFor }, key, headers };
}

type Files = Readonly<Record<Part, NewAgeFile>> & { artifacts: DirectFile } & Disposable;

function createFiles(directory: string, headers: Headers): Files {
  using opened = new DisposableStack();
  const create = (part: Part): NewAgeFile => {
    const file = createAgeFile(join(directory, FILES[part]), headers[part]);
    opened.defer(() => closeSync(file.fd));
    return file;
  };
  const artifacts = create('artifacts');
  const direct = openDirect(artifacts.fd, join(directory, FILES.artifacts));
  opened.defer(() => closeDirect(direct));
  const files = {
    artifacts: { ...artifacts, ...direct },
    index: create('index'),
    log: create('log'),
  };
  const all = opened.move();
  return { ...files, [Symbol.dispose]: () => all.dispose() };
}

interface Writing {
  readonly layout: TarLayout;
  readonly log: string;
  readonly files: Files;
  readonly workers: WorkerPool;
  readonly directory: string;
  readonly headers: Headers;
  readonly options: WriteOptions;
}

async function loadMimeTypes(): Promise<(name: string) => string | null> {
  const { default: mime } = await import('mime');
  return (name) => mime.getType(name);
}

async function writeFiles(writing: Writing): Promise<WrittenFiles['seals']> {
  const { layout, files, workers, options } = writing;
  const { top, onChmod, mayBeOpen } = options;
  await using tar = new TarWriter({ layout, file: files.artifacts, workers, mayBeOpen, onChmod });
  const pause = new CooperativeYield(() => options.onProgress(progressIn(tar, layout)));
  {
    using cursor = openCursor(top, onChmod);
    await tar.write(cursor, pause);
  }
  tar.beginSync();
  const mimeOf = layout.files > 0 ? await loadMimeTypes() : () => null;
  const facts = { digests: tar.digests, mimeOf };
  const index = new EncryptedWriter(files.index);
  await writeIndex(layout, new IndexWriter(index), facts, pause);
  const indexSha256 = index.finish();
  const logSha256 = await copyLog(writing.log, new EncryptedWriter(files.log), pause);
  const durable = Promise.all([files.index, files.log].map(({ fd }) => promisify(fsync)(fd)));
  durable.catch(() => {});
  const artifacts = await checked(writing, 'artifacts', async () =>
    sealOf(writing, await tar.finish(pause)),
  );
  await durable;
  const again = (part: 'index' | 'log', sha256: string): Promise<FileSeal> =>
    checked(writing, part, () =>
      readBack(join(writing.directory, FILES[part]), writing.headers[part].fileKey, sha256),
    );
  const seals = {
    [FILES.artifacts]: artifacts,
    [FILES.index]: await again('index', indexSha256),
    [FILES.log]: await again('log', logSha256),
  };
  await checkNames(join(writing.directory, FILES.index), writing, pause);
  return seals;
}

/** Finds what a reader would refuse, or miss, while the plaintext still exists. */
async function checkNames(
  path: string,
  { layout, headers }: Writing,
  pause: CooperativeYield,
): Promise<void> {
  const found = await checkIndex(path, headers.index.fileKey, layout.bytes, pause).catch(
    (cause) => {
      if (!(cause instanceof TaskfsError)) throw cause;
      throw unlisted(path, cause.message, cause);
    },
  );
  if (found !== layout.names) throw unlisted(path, `it has ${found} names of ${layout.names}`);
}

const unlisted = (path: string, why: string, cause?: unknown): TaskfsError =>
  new TaskfsError('failed', `what was written to ${path} cannot be looked up: ${why}`, {
    hint: 'Nothing was removed. This is a bug in taskfs: please report it.',
    cause,
  });

function progressIn({ ring, checkedCount }: TarWriter, { bytes }: TarLayout): TarProgress {
  const written = Math.min(ring.sealedCount() * SEGMENT, bytes);
  const checkedBytes = Math.min(checkedCount * SEGMENT, bytes);
  return { written, checked: checkedBytes, total: bytes, files: ring.fileCount() };
}

function sealOf({ layout, files, headers }: Writing, sha256: string): FileSeal {
  const bytes = files.artifacts.start + encryptedSize(layout.bytes);
  return { bytes, sha256, mac: headerMac(headers.artifacts.bytes) };
}

async function checked<T>({ directory }: Writing, part: Part, check: () => Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    throw error instanceof NotAsWritten
      ? readBackError(join(directory, FILES[part]), error)
      : error;
  }
}

const LOG_STEP = 256 * 1024;

/** A task that never started has no log, which counts as an empty one. */
async function copyLog(
  path: string,
  log: EncryptedWriter,
  pause: CooperativeYield,
): Promise<string> {
  const fd = unlessMissing(() => openRegularFile(path));
  if (fd === undefined) return log.finish();
  const step = Buffer.allocUnsafe(LOG_STEP);
  try {
    for (;;) {
      const got = readSync(fd, step, 0, step.length, null);
      if (got === 0) return log.finish();
      log.write(step.subarray(0, got));
      await pause.ifDue();
    }
  } finally {
    closeSync(fd);
  }
}
