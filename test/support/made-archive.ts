import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import {
  CHUNK,
  createAgeFile,
  ENCRYPTED_CHUNK,
  EncryptedWriter,
  encryptChunks,
  makeHeader,
  type NewAgeFile,
} from '../../src/age/index.ts';
import { IndexWriter } from '../../src/archive/index/writer.ts';
import { FILES, signerOf } from '../../src/archive/index.ts';
import { wrapTaskKey } from '../../src/archive/key-file.ts';
import { KEY_FILE, type Part, SEAL_FILE } from '../../src/archive/paths.ts';
import {
  type FileSeal,
  type SealBody,
  serialiseSeal,
  signed,
} from '../../src/archive/seal-record.ts';
import { writeNewFile } from '../../src/files/index.ts';
import {
  loadRecipients,
  loadSigningKey,
  type Store,
  type TaskName,
  taskPaths,
} from '../../src/store/index.ts';
import { encodeMember, padding } from '../../src/tar/index.ts';

/** How many directories, and how many files in each. */
export interface Shape {
  readonly directories: number;
  readonly filesEach: number;
}

/** The content of a file of a made archive. */
export const madeContent = (directory: number, file: number): string => `${directory} ${file}\n`;

const padded = (number: number): string => String(number).padStart(4, '0');
const nowNs = BigInt(Date.now()) * 1_000_000n;
const attributes = { mode: 0o644, uid: 0, gid: 0, atimeNs: nowNs, mtimeNs: nowNs, ctimeNs: nowNs };
const directoryAttributes = { ...attributes, type: 'directory', mode: 0o755, size: 0 } as const;

/**
 * Writes an archive of many small files, `directory-0000/file-0000` and so on, without the files:
 * as sealing would, but for the record, the chain and what only `verify` reads of the seal.
 */
export async function makeArchive(store: Store, name: string, shape: Shape): Promise<void> {
  using files = await createFiles(store, name as TaskName);
  const tar = new EncryptedWriter(files.artifacts);
  const index = new EncryptedWriter(files.index);
  writeTree(tar, new IndexWriter(index), shape);
  for (const writer of [tar, index, new EncryptedWriter(files.log)]) writer.finish();
}

/**
 * Writes an archive of one file, `vast`, of which only the end is there: before it the archive is a
 * hole. Both sizes are whole chunks.
 */
export async function makeVastArchive(
  store: Store,
  name: string,
  size: number,
  end: Uint8Array,
): Promise<void> {
  using files = await createFiles(store, name as TaskName);
  const { fd, start, key } = files.artifacts;
  const counter = (size - end.length) / CHUNK;
  const sealed = Buffer.alloc((end.length / CHUNK) * ENCRYPTED_CHUNK);
  encryptChunks(key, counter, true, end, sealed);
  writeSync(fd, sealed, 0, sealed.length, start + counter * ENCRYPTED_CHUNK);
  const lines = new EncryptedWriter(files.index);
  const index = new IndexWriter(lines);
  index.enter();
  const file = { ...attributes, type: 'file', name: Buffer.from('vast'), size, nlink: 1 } as const;
  index.add({ ...file, offset: 0, sha256: '0'.repeat(64) });
  index.leave({ ...directoryAttributes, name: Buffer.alloc(0), nlink: 2 });
  for (const writer of [lines, new EncryptedWriter(files.log)]) writer.finish();
}

/** Writes an archive whose index is a text, and whose tar is empty. */
export async function makeIndexArchive(store: Store, name: string, lines: string): Promise<void> {
  using files = await createFiles(store, name as TaskName);
  const index = new EncryptedWriter(files.index);
  index.write(Buffer.from(lines));
  for (const writer of [
    index,
    new EncryptedWriter(files.artifacts),
    new EncryptedWriter(files.log),
  ])
    writer.finish();
}

type Files = Readonly<Record<Part, NewAgeFile>> & Disposable;

async function createFiles(store: Store, task: TaskName): Promise<Files> {
  const { archive } = taskPaths(store, task);
  mkdirSync(archive, { recursive: true });
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const key = await wrapTaskKey(task, identity, loadRecipients(store));
  writeNewFile(join(archive, KEY_FILE), key);
  const create = async (part: Part): Promise<NewAgeFile> =>
    createAgeFile(join(archive, FILES[part]), await makeHeader([recipient]));
  const files = {
    artifacts: await create('artifacts'),
    index: await create('index'),
    log: await create('log'),
  };
  writeSeal(store, task, recipient);
  const close = (): void => {
    for (const { fd } of Object.values(files)) closeSync(fd);
  };
  return { ...files, [Symbol.dispose]: close };
}

function writeSeal(store: Store, task: TaskName, recipient: string): void {
  const { archive } = taskPaths(store, task);
  const key = loadSigningKey(store);
  const body: SealBody = {
    format: 1,
    task,
    status: 'completed',
    sealedAt: new Date().toISOString(),
    recipient,
    recordSha256: '',
    bytes: 0,
    fileCount: 0,
    skippedCount: 0,
    files: {
      [FILES.artifacts]: headerOnly(join(archive, FILES.artifacts)),
      [FILES.index]: headerOnly(join(archive, FILES.index)),
      [FILES.log]: headerOnly(join(archive, FILES.log)),
    },
    previous: null,
    signer: signerOf(key),
  };
  writeNewFile(join(archive, SEAL_FILE), serialiseSeal(signed(body, key)));
}

const headerOnly = (path: string): FileSeal => {
  const text = readFileSync(path, 'latin1');
  const [, mac = ''] = /\n--- (.+)\n/.exec(text) ?? [];
  return { bytes: 0, sha256: '', mac };
};

function writeTree(
  tar: EncryptedWriter,
  index: IndexWriter,
  { directories, filesEach }: Shape,
): void {
  index.enter();
  for (let directory = 0; directory < directories; directory++) {
    const name = `directory-${padded(directory)}`;
    index.enter();
    for (let file = 0; file < filesEach; file++) {
      const content = Buffer.from(madeContent(directory, file));
      writeFile(tar, index, `./${name}/`, `file-${padded(file)}`, content);
    }
    index.leave({ ...directoryAttributes, name: Buffer.from(name), nlink: 2 });
  }
  index.leave({ ...directoryAttributes, name: Buffer.alloc(0), nlink: directories + 2 });
}

function writeFile(
  tar: EncryptedWriter,
  index: IndexWriter,
  path: string,
  name: string,
  content: Buffer,
): void {
  const size = content.length;
  const member = { ...attributes, type: 'File', path: Buffer.from(path + name), size } as const;
  tar.write(encodeMember(member));
  const offset = tar.position;
  tar.write(Buffer.concat([content, Buffer.alloc(padding(size))]));
  const sha256 = createHash('sha256').update(content).digest('hex');
  const entry = { ...attributes, type: 'file', name: Buffer.from(name), size } as const;
  index.add({ ...entry, nlink: 1, offset, sha256 });
}
