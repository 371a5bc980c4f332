import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { headerMac, readHeader, unwrapNatively } from '../age/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { openRequiredFile } from '../files/index.ts';
import { openTaskKey, openTaskKeyNatively } from './key-file.ts';
import { FILES, PARTS, type Part } from './paths.ts';
import type { Seal } from './seal-record.ts';

/**
 * The 16-byte age file keys of an archive's files. A plain value: it may be sent to another
 * thread.
 */
export interface FileKeys {
  readonly artifacts: Uint8Array;
  readonly index: Uint8Array;
  readonly log: Uint8Array;
}

/**
 * Unlocks an archive: the identities open key.age, the task's identity in it opens each file's
 * header. With a seal that is trusted (genuine-seal.ts) each header must be the one that it names:
 * under the key in there, nobody who only knows the task's recipient can have encrypted anything.
 * Throws `wrong-key` where no identity fits, `damaged` where key.age or a header is not what was
 * sealed.
 */
export async function unlockArchive(
  archiveDirectory: string,
  identities: readonly string[],
  seal?: Seal,
): Promise<FileKeys> {
  const keys = unlockNatively(archiveDirectory, identities, seal);
  if (keys) return keys;
  const identity = await openTaskKey(archiveDirectory, identities);
  const [artifacts, index, log] = await Promise.all(
    PARTS.map((part) => unlockPart(archiveDirectory, identity, part, seal)),
  );
  return { artifacts, index, log } as FileKeys;
}

/**
 * The same at once, where a native identity opens it; undefined where that is for the age package
 * to do, or to refuse. Throws `damaged`.
 */
export function unlockNatively(
  archiveDirectory: string,
  identities: readonly string[],
  seal?: Seal,
): FileKeys | undefined {
  if (identities.length === 0) return undefined;
  const identity = openTaskKeyNatively(archiveDirectory, identities);
  if (identity === undefined) return undefined;
  const keys = PARTS.map((part) =>
    unwrapNatively(readHeaderOf(archiveDirectory, part, seal), identity),
  );
  if (keys.includes(undefined)) return undefined;
  const [artifacts, index, log] = keys;
  return { artifacts, index, log } as FileKeys;
}

/** The file key of one file of an archive, by the task's own identity. Throws `damaged`. */
export async function unlockPart(
  archiveDirectory: string,
  identity: string,
  part: Part,
  seal?: Seal,
): Promise<Uint8Array> {
  const header = readHeaderOf(archiveDirectory, part, seal);
  const path = join(archiveDirectory, FILES[part]);
  return unwrapNatively(header, identity) ?? (await openHeader(header, identity, path));
}

function readHeaderOf(archiveDirectory: string, part: Part, seal: Seal | undefined): Buffer {
  const path = join(archiveDirectory, FILES[part]);
  const fd = openRequiredFile(path);
  try {
    const header = readHeader(fd, path);
    if (!seal || headerMac(header) === seal.files[FILES[part]].mac) return header;
  } finally {
    closeSync(fd);
  }
  throw new TaskfsError(
    'damaged',
    `${path} is damaged, or another file: its header is not the one that was sealed`,
    { hint: "'taskfs verify' says what is wrong. Put it back from a backup." },
  );
}

async function openHeader(header: Buffer, identity: string, path: string): Promise<Uint8Array> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  try {
    return await decrypter.decryptHeader(header);
  } catch (cause) {
    throw new TaskfsError(
      'damaged',
      `the header of ${path} is damaged, or of another task: ${messageOf(cause)}`,
      { cause },
    );
  }
}
