import { closeSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  decryptNatively,
  decryptWhole,
  headerMac,
  isSshIdentity,
  readHeader,
  sshIdentity,
  unwrapNatively,
} from '../age/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { openRequiredFile, readRequiredFile } from '../files/index.ts';
import { FILES, KEY_FILE, PARTS, type Part } from './paths.ts';
import type { Seal } from './seal-record.ts';

/** The 16-byte age file keys of an archive's files. A plain value: it may be sent to another thread. */
export interface FileKeys {
  readonly artifacts: Uint8Array;
  readonly index: Uint8Array;
  readonly log: Uint8Array;
}

/**
 * Unlocks an archive: the identities open key.age, the task's identity in it opens each file's
 * header. With a seal that is trusted (genuine-seal.ts) each header must be the one that it names: under
 * the key in there, nobody who only knows the task's recipient can have encrypted anything. Throws
 * `wrong-key` where no identity fits, `damaged` where key.age or a header is not what was sealed.
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
 * The same at once, where a native identity opens it; undefined where that is for the age package to
 * do, or to refuse. Throws `damaged`.
 */
export function unlockNatively(
  archiveDirectory: string,
  identities: readonly string[],
  seal?: Seal,
): FileKeys | undefined {
  if (identities.length === 0) return undefined;
  const path = join(archiveDirectory, KEY_FILE);
  const text = openNatively(readKeyFile(path), identities);
  if (text === undefined) return undefined;
  const identity = identityIn(text, basename(archiveDirectory), path);
  const keys = PARTS.map((part) =>
    unwrapNatively(readHeaderOf(archiveDirectory, part, seal), identity),
  );
  if (keys.includes(undefined)) return undefined;
  const [artifacts, index, log] = keys;
  return { artifacts, index, log } as FileKeys;
}

function openNatively(file: Buffer, identities: readonly string[]): string | undefined {
  for (const identity of identities) {
    const text = decryptNatively(file, identity);
    if (text) return text.toString();
  }
  return undefined;
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

type Decrypter = InstanceType<typeof import('age-encryption').Decrypter>;

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

/** The task's own identity out of key.age. Throws `wrong-key`, `damaged`. */
export async function openTaskKey(
  archiveDirectory: string,
  identities: readonly string[],
): Promise<string> {
  const path = join(archiveDirectory, KEY_FILE);
  const task = basename(archiveDirectory);
  if (identities.length === 0) {
    throw new TaskfsError('wrong-key', `there is no identity to open the archive of ${task} with`, {
      hint: 'Name an identity file with --identity or TASKFS_IDENTITY.',
    });
  }
  return identityIn(await openKeyFile(readKeyFile(path), identities, path, task), task, path);
}

/** The task's identity in the text of its key.age. Throws `damaged`. */
function identityIn(text: string, task: string, path: string): string {
  assertOf(task, text, path);
  const identity = text.split('\n').find((line) => line.startsWith('AGE-SECRET-KEY-'));
  if (identity) return identity;
  throw new TaskfsError('damaged', `${path} holds no age identity`);
}

/** It says whose key it is: an archive that was put in another's place is not read as that one. */
function assertOf(task: string, text: string, path: string): void {
  const [, owner = task] = /^# taskfs task (\S+)$/m.exec(text) ?? [];
  if (owner === task) return;
  throw new TaskfsError('damaged', `${path} is another task's: it holds the key of ${owner}`, {
    hint: "'taskfs verify' says which archives are not in their place.",
  });
}

function addIdentity(decrypter: Decrypter, identity: string): void {
  try {
    decrypter.addIdentity(isSshIdentity(identity) ? sshIdentity(identity) : identity);
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('wrong-key', `an identity is malformed: ${messageOf(cause)}`, { cause });
  }
}

/** It holds one identity, and a stanza for each recipient: post-quantum ones are 2 KiB. */
const MAX_KEY_FILE = 1024 * 1024;

const readKeyFile = (path: string): Buffer => readRequiredFile(path, MAX_KEY_FILE);

async function openKeyFile(
  file: Buffer,
  identities: readonly string[],
  path: string,
  task: string,
): Promise<string> {
  const text = openNatively(file, identities);
  if (text !== undefined) return text;
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  for (const identity of identities) addIdentity(decrypter, identity);
  try {
    return (await decryptWhole(decrypter, file)).toString();
  } catch (cause) {
    if (messageOf(cause).startsWith('no identity matched')) {
      throw new TaskfsError('wrong-key', `no identity opens the archive of ${task}`, {
        hint: 'It was sealed for other keys: name one of those with --identity or TASKFS_IDENTITY.',
        cause,
      });
    }
    throw new TaskfsError('damaged', `${path} is damaged: ${messageOf(cause)}`, { cause });
  }
}
