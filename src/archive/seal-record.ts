import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { join } from 'node:path';
import { TaskfsError } from '../errors.ts';
import { readRequiredFile } from '../files/index.ts';
import type { Status, TaskName, TaskRecord } from '../store/index.ts';
import { type FILES, SEAL_FILE } from './paths.ts';

/** What is known of one encrypted file. */
export interface FileSeal {
  readonly bytes: number;
  /** Of the encrypted file, hexadecimal. */
  readonly sha256: string;
  /** The MAC of its age header, as it stands there. */
  readonly mac: string;
}

export type EncryptedFile = (typeof FILES)[keyof typeof FILES];

/** What seal.json says, but for its signature. */
export interface SealBody {
  readonly format: 1;
  readonly task: TaskName;
  readonly status: Status;
  /** ISO 8601, UTC. */
  readonly sealedAt: string;
  /** The task's age recipient: the identity in key.age belongs to it. */
  readonly recipient: string;
  /** How the task ended, see `digestRecord`. */
  readonly recordSha256: string;
  /** Bytes of the tar, files in it, and how many pipes, sockets and devices are not. */
  readonly bytes: number;
  readonly fileCount: number;
  readonly skippedCount: number;
  /**
   * How many files and directories, with all in them, are not of the part that was to be sealed;
   * absent: none.
   */
  readonly leftOutCount?: number;
  readonly files: Readonly<Record<EncryptedFile, FileSeal>>;
  /** sha256 of the line before in the chain of seals; null for the first. */
  readonly previous: string | null;
  /** Whose signature it is, see `signerOf`. */
  readonly signer: string;
}

export interface Seal extends SealBody {
  /** Ed25519 (RFC 8032) over the JSON of everything else, in base64. */
  readonly signature: string;
}

const signers = new WeakMap<KeyObject, string>();

/**
 * The sha256 of a signing key's public half (SPKI, DER): tells another store's seal from a damaged
 * one.
 */
export function signerOf(key: KeyObject): string {
  const known = signers.get(key);
  if (known !== undefined) return known;
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const signer = sha256(publicKey.export({ type: 'spki', format: 'der' }));
  signers.set(key, signer);
  return signer;
}

/** Adds the signature over a value's JSON, as the last member. */
export function signed<T extends object>(body: T, key: KeyObject): T & { signature: string } {
  const signature = sign(null, Buffer.from(JSON.stringify(body)), key).toString('base64');
  return { ...body, signature };
}

/** Whether a signed value is as the owner of the key signed it. */
export function isSigned(value: { readonly signature: string }, key: KeyObject): boolean {
  const { signature, ...body } = value;
  return verify(null, Buffer.from(JSON.stringify(body)), key, Buffer.from(signature, 'base64'));
}

export const serialiseSeal = (seal: Seal): string => `${JSON.stringify(seal)}\n`;

export const sha256 = (data: Uint8Array | string): string =>
  createHash('sha256').update(data).digest('hex');

/**
 * Reads seal.json. Throws `damaged` where it is missing or malformed; the signature is not
 * checked.
 */
export function readSeal(archiveDirectory: string): Seal {
  return parseSeal(readSealText(archiveDirectory), join(archiveDirectory, SEAL_FILE));
}

export function readSealText(archiveDirectory: string): string {
  return readRequiredFile(join(archiveDirectory, SEAL_FILE), MAX_SEAL).toString('utf8');
}

/** Numbers, hashes and one name. */
const MAX_SEAL = 64 * 1024;

/** Parses the text of a seal. Throws `damaged`, `usage` for a format of the future. */
export function parseSeal(text: string, path: string): Seal {
  const value = parse(text, path);
  if (isSeal(value)) return value;
  const { format } = value as { format?: unknown };
  if (typeof format === 'number' && format !== 1) {
    throw new TaskfsError('usage', `${path} is of format ${format}; this taskfs knows format 1`, {
      hint: 'Use a newer taskfs, or age and tar.',
    });
  }
  throw malformed(path);
}

function parse(text: string, path: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw malformed(path, cause);
  }
  throw malformed(path);
}

function malformed(path: string, cause?: unknown): TaskfsError {
  return new TaskfsError('damaged', `${path} is damaged: it is not a seal`, {
    hint: "'taskfs verify --deep' says whether the files behind it are whole.",
    cause,
  });
}

function isSeal(value: object): value is Seal {
  const seal = value as Partial<Seal>;
  const texts = [
    seal.task,
    seal.status,
    seal.sealedAt,
    seal.recipient,
    seal.recordSha256,
    seal.signature,
    seal.signer,
  ];
  const numbers = [seal.bytes, seal.fileCount, seal.skippedCount, seal.leftOutCount ?? 0];
  const { files, previous } = seal;
  return (
    seal.format === 1 &&
    texts.every((text) => typeof text === 'string') &&
    numbers.every((number) => Number.isSafeInteger(number)) &&
    (previous === null || typeof previous === 'string') &&
    typeof files === 'object' &&
    files !== null &&
    isFileSeal(files['artifacts.tar.enc']) &&
    isFileSeal(files['index.enc']) &&
    isFileSeal(files['log.enc'])
  );
}

function isFileSeal(value: unknown): value is FileSeal {
  const { bytes, sha256: digest, mac } = (value ?? {}) as Partial<FileSeal>;
  return Number.isSafeInteger(bytes) && typeof digest === 'string' && typeof mac === 'string';
}

/** What a seal says of a record: everything that is final once the task has ended. */
export function digestRecord(record: TaskRecord): string {
  const { task, status, reason, reasonKind, exitCode, signal, createdAt, startedAt, endedAt } =
    record;
  const { command, cwd, engine, image, env, timeoutMs, retries } = record;
  const spec = { command, cwd, engine, image, env, timeoutMs, retries };
  const end = { task, status, reason, reasonKind, exitCode, signal, createdAt, startedAt, endedAt };
  return sha256(JSON.stringify({ ...end, ...spec }));
}
