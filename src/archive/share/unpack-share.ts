import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { Errno } from '../../errno.ts';
import { messageOf, reasonOf, TaskfsError } from '../../errors.ts';
import { openRegularFile, readRequiredFile, writeFully } from '../../files/index.ts';
import { isTaskName, type TaskName } from '../../store/index.ts';
import { readTar, type TarMember, type TarSource } from '../../tar/index.ts';
import { sealFault } from '../genuine-seal.ts';
import { FILES, KEY_FILE, PARTS, SEAL_FILE } from '../paths.ts';
import { readSeal, type Seal } from '../seal-record.ts';
import { SIGNER_FILE } from './write-share.ts';

/** A shared task, unpacked: still encrypted, and as its signer sealed it. */
export interface Unpacked {
  readonly task: TaskName;
  /** The directory of its archive. */
  readonly archive: string;
  readonly seal: Seal;
}

const NAMES: ReadonlySet<string> = new Set([
  SEAL_FILE,
  SIGNER_FILE,
  KEY_FILE,
  ...PARTS.map((part) => FILES[part]),
]);

/**
 * Unpacks a file that `writeShare` made into a directory, and checks it: the signature by the key
 * that came with it, and each encrypted file's sha256. Whose key that is, its hash in the seal
 * says; a reader has to know it from elsewhere, and names it as `signer`. Nothing but the files of
 * one archive is written. Throws `not-found`, `failed`; `damaged` also where another key signed it.
 */
export function unpackShare(file: string, into: string, signer?: string): Unpacked {
  const fd = openShare(file);
  try {
    const source = sourceOf(fd);
    let task: TaskName | undefined;
    const digests = new Map<string, string>();
    for (const member of membersOf(file, source)) {
      const [owner = '', name = '', ...more] = member.path.toString().split('/');
      if (member.type !== 'file' || more.length > 0 || !NAMES.has(name) || !isTaskName(owner)) {
        throw notAShare(file, `it holds '${member.path}'`);
      }
      if (task === undefined) mkdirSync(join(into, owner), { mode: 0o700 });
      if (owner !== (task ?? owner)) throw notAShare(file, 'it holds files of two tasks');
      task = owner;
      digests.set(name, copyOut(source, member, join(into, owner, name)));
    }
    if (task === undefined) throw notAShare(file, 'it is empty');
    const archive = join(into, task);
    const seal = checkedSeal(file, task, archive, digests);
    assertSigner(file, seal, signer);
    return { task, archive, seal };
  } finally {
    closeSync(fd);
  }
}

function openShare(file: string): number {
  try {
    return openRegularFile(file, 'follow');
  } catch (cause) {
    if (!(cause instanceof Errno)) throw cause;
    throw new TaskfsError('not-found', `${file} cannot be opened: ${reasonOf(cause)}`, {
      hint: "Name a file that 'taskfs share' made.",
      cause,
    });
  }
}

function* membersOf(file: string, source: TarSource): Generator<TarMember> {
  try {
    yield* readTar(source);
  } catch (cause) {
    throw notAShare(file, messageOf(cause), cause);
  }
}

function sourceOf(fd: number): TarSource {
  const { size } = fstatSync(fd);
  return { size, read: (into, offset) => readSync(fd, into, 0, into.length, offset) };
}

/** Returns the sha256 of what it copied. */
function copyOut(source: TarSource, member: TarMember, path: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(1024 * 1024);
  const fd = openSync(path, 'wx', 0o600);
  try {
    for (let done = 0; done < member.size; ) {
      const part = piece.subarray(0, Math.min(piece.length, member.size - done));
      const got = source.read(part, member.offset + done);
      if (got === 0) throw new TaskfsError('damaged', 'it was truncated while it was read');
      writeFully(fd, part.subarray(0, got));
      hash.update(part.subarray(0, got));
      done += got;
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}

function checkedSeal(
  file: string,
  task: TaskName,
  archive: string,
  digests: ReadonlyMap<string, string>,
): Seal {
  const seal = readSeal(archive);
  const fault = sealFault(task, seal, signerIn(archive, file));
  if (fault) throw new TaskfsError('damaged', `${file}: ${fault.message}`);
  for (const part of PARTS) {
    const name = FILES[part];
    if (digests.get(name) !== seal.files[name].sha256) {
      throw new TaskfsError('damaged', `${file}: ${name} is not what was sealed`, {
        hint: 'Ask for it again: it was damaged on its way, or changed.',
      });
    }
  }
  return seal;
}

function assertSigner(file: string, { signer }: Seal, wanted: string | undefined): void {
  if (wanted === undefined || signer === wanted) return;
  throw new TaskfsError('damaged', `${file} is signed by ${signer}, not by ${wanted}`, {
    hint: 'Somebody else made it, or the hash is of another key: ask the sender by other means.',
  });
}

const MAX_SIGNER = 64 * 1024;

function signerIn(archive: string, file: string): KeyObject {
  try {
    return createPublicKey(readRequiredFile(join(archive, SIGNER_FILE), MAX_SIGNER));
  } catch (cause) {
    throw new TaskfsError(
      'damaged',
      `${file}: its signing key is unreadable: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

const notAShare = (file: string, why: string, cause?: unknown): TaskfsError =>
  new TaskfsError('damaged', `${file} is not a shared task, or is incomplete: ${why}`, {
    hint: "'taskfs share' makes such files.",
    cause,
  });
