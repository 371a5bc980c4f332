import { createHash } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { syncDirectory } from '../atomic-file.ts';
import { loadRecipients } from '../keys.ts';
import { type Store, taskPaths } from '../store.ts';
import type { TaskName } from '../task-name.ts';
import { makeHeader } from './age-header.ts';
import { ArchiveWriter, type WriterOptions, type Written } from './archive-writer.ts';
import { type EncryptPool, startEncryptPool } from './encrypt-pool.ts';
import { EncryptedWriter } from './encrypted-writer.ts';
import { IndexWriter } from './index-writer.ts';
import { wrapTaskKey } from './key-file.ts';
import { FILES, KEY_FILE } from './layout.ts';
import { readBack } from './read-back.ts';
import type { EncryptedFile, FileSeal } from './seal-record.ts';
import type { FileKeys } from './unlock.ts';

/** An archive that is complete but for its seal. */
export interface Unsealed extends Written {
  /** The task's own, and whom key.age gives it to. */
  readonly identity: string;
  readonly recipient: string;
  readonly sealedFor: readonly string[];
  readonly files: number;
  readonly seals: Readonly<Record<EncryptedFile, FileSeal>>;
}

/** Counts of the two passes over a tree, writing and reading back. */
export interface Passes {
  readonly written: number;
  readonly checked: number;
  readonly files: number;
}

type WriteOptions = Pick<WriterOptions, 'tolerant' | 'onLend'> & {
  readonly onProgress: (passes: Passes) => void;
};

/**
 * Writes the encrypted files of a task's archive into an empty directory, makes them durable, and
 * reads them back. The task gets an identity of its own; key.age holds it for the store's recipients.
 * Throws TreeChanged, Errno, `failed`.
 */
export async function writeArchive(
  store: Store,
  task: TaskName,
  directory: string,
  options: WriteOptions,
): Promise<Unsealed> {
  const age = await import('age-encryption');
  const identity = await age.generateX25519Identity();
  const recipient = await age.identityToRecipient(identity);
  const sealedFor = loadRecipients(store);
  writeDurably(join(directory, KEY_FILE), await wrapTaskKey(task, identity, sealedFor));
  const [artifacts, index, log] = await Promise.all([1, 2, 3].map(() => makeHeader([recipient])));
  if (!artifacts || !index || !log) throw new Error('three headers were made');
  const headers = { artifacts, index, log };
  const { staging, log: logPath } = taskPaths(store, task);
  const { written, logSha256 } = await writeFiles(directory, headers, staging, logPath, options);
  syncDirectory(directory);
  const keys: FileKeys = {
    artifacts: artifacts.fileKey,
    index: index.fileKey,
    log: log.fileKey,
  };
  const expected = { bytes: written.bytes, files: written.files, logSha256 };
  const { bytes, files } = written;
  const seals = await readBack(directory, keys, expected, hexHash(), (checked) =>
    options.onProgress({ written: bytes, checked, files }),
  );
  return { ...written, identity, recipient, sealedFor, seals };
}

function hexHash() {
  const hash = createHash('sha256');
  return {
    update: (bytes: Uint8Array): void => void hash.update(bytes),
    digest: (): string => hash.digest('hex'),
  };
}

/** Writes a new file and makes its content durable. */
export function writeDurably(path: string, data: string | Uint8Array): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeFileSync(fd, data);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

type Headers = Record<keyof FileKeys, Awaited<ReturnType<typeof makeHeader>>>;

async function writeFiles(
  directory: string,
  headers: Headers,
  staging: string,
  logPath: string,
  options: WriteOptions,
): Promise<{ written: Written; logSha256: string }> {
  await using files = openFiles(directory, headers, startEncryptPool());
  const { default: mime } = await import('mime');
  const writer = new ArchiveWriter(files.artifacts, new IndexWriter(files.index), {
    tolerant: options.tolerant,
    onLend: options.onLend,
    mimeOf: (name) => mime.getType(name),
    onProgress: ({ bytes, files: count }) =>
      options.onProgress({ written: bytes, checked: 0, files: count }),
  });
  const written = await writer.write(staging);
  await files.artifacts.finish();
  await files.index.finish();
  const logSha256 = await copyLog(logPath, files.log);
  await files.log.finish();
  return { written, logSha256 };
}

function openFiles(directory: string, headers: Headers, pool: EncryptPool) {
  const opened: EncryptedWriter[] = [];
  const open = (part: keyof FileKeys): EncryptedWriter => {
    const file = new EncryptedWriter(join(directory, FILES[part]), headers[part], pool);
    opened.push(file);
    return file;
  };
  const close = (): void => {
    for (const file of opened) file.close();
  };
  // Threads first: none may write to a descriptor that is closed, and perhaps another file's by then.
  const stop = async (): Promise<void> => {
    await pool[Symbol.asyncDispose]();
    close();
  };
  try {
    return {
      artifacts: open('artifacts'),
      index: open('index'),
      log: open('log'),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** A task that never started has no log: an empty one. */
async function copyLog(path: string, log: EncryptedWriter): Promise<string> {
  const hash = createHash('sha256');
  const fd = openOptional(path);
  if (fd === undefined) return hash.digest('hex');
  try {
    for (;;) {
      const room = await log.room();
      const got = readSync(fd, room, 0, room.length, null);
      if (got === 0) return hash.digest('hex');
      hash.update(room.subarray(0, got));
      log.advance(got);
    }
  } finally {
    closeSync(fd);
  }
}

function openOptional(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
