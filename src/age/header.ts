import { createHmac, randomBytes } from 'node:crypto';
import { readSync } from 'node:fs';
import type { Decrypter, Encrypter } from 'age-encryption';
import { messageOf, TaskfsError } from '../errors.ts';
import { hkdf, unpaddedBase64 } from './key-wrapping.ts';
import { decryptChunk, ENCRYPTED_CHUNK, encryptChunk, NONCE, payloadKey, TAG } from './payload.ts';
import { isSshRecipient, sshRecipient } from './ssh-ed25519.ts';
import { fileKeysIn, nativeKey, wrapNatively } from './x25519.ts';

/** The text header of an age file, and the key that the payload's key is derived from. */
export interface AgeHeader {
  /** Up to and with the newline after the MAC. */
  readonly bytes: Buffer;
  /** 16 random bytes. */
  readonly fileKey: Uint8Array;
}

const FILE_KEY = 16;

/** A header needs no more; a longer one is not read. */
const MAX_HEADER = 64 * 1024;

/** What most headers need; read first, for who looks at those of thousands of files. */
const FEW_RECIPIENTS = 2048;

/** Makes the header of a new age v1 file (C2SP age.md). Throws where a recipient is malformed. */
export async function makeHeader(recipients: readonly string[]): Promise<AgeHeader> {
  const keys = recipients.map(nativeKey).filter((key) => key !== undefined);
  if (keys.length < recipients.length) return makeHeaderByPackage(recipients);
  const fileKey = randomBytes(FILE_KEY);
  const stanzas = keys.map((key) => wrapNatively(fileKey, key));
  const text = ['age-encryption.org/v1', ...stanzas, '---'].join('\n');
  return { bytes: Buffer.from(`${text} ${macOf(text, fileKey)}\n`), fileKey };
}

/**
 * The age package makes a header for an empty file; a recipient that adds no stanza learns the
 * file key on the way.
 */
async function makeHeaderByPackage(recipients: readonly string[]): Promise<AgeHeader> {
  const { Encrypter, Stanza } = await import('age-encryption');
  const encrypter = new Encrypter();
  let fileKey = new Uint8Array();
  for (const recipient of recipients) {
    try {
      const isSsh = isSshRecipient(recipient);
      encrypter.addRecipient(isSsh ? sshRecipient(recipient, Stanza) : recipient);
    } catch (cause) {
      const message = `'${recipient}' is not a recipient: ${messageOf(cause)}`;
      const hint = "'taskfs key show' lists those that there are.";
      throw new TaskfsError('failed', message, { hint, cause });
    }
  }
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = Uint8Array.from(key);
      return [];
    },
  });
  const file = await encryptWhole(encrypter, new Uint8Array());
  return { bytes: file.subarray(0, headerLength(file)), fileKey };
}

/** A whole age file of one chunk at most. Throws where a recipient is malformed. */
export async function encryptFor(recipients: readonly string[], plain: Buffer): Promise<Buffer> {
  const { bytes, fileKey } = await makeHeader(recipients);
  const nonce = randomBytes(NONCE);
  const encrypted = Buffer.alloc(plain.length + TAG);
  encryptChunk(payloadKey(fileKey, nonce), 0, true, plain, encrypted);
  return Buffer.concat([bytes, nonce, encrypted]);
}

/**
 * The content of an age file of one chunk, by a native identity and without the age package;
 * undefined where it cannot be decrypted that way.
 */
export function decryptNatively(file: Buffer, identity: string): Buffer | undefined {
  const start = headerLength(file);
  const fileKey = unwrapNatively(file.subarray(0, start), identity);
  const payload = file.subarray(start + NONCE);
  if (!fileKey || payload.length < TAG || payload.length > ENCRYPTED_CHUNK) return undefined;
  const nonce = file.subarray(start, start + NONCE);
  return decryptChunk(payloadKey(fileKey, nonce), 0, true, payload);
}

/** Encrypts a small file. */
const encryptWhole = (encrypter: Encrypter, plain: Uint8Array): Promise<Buffer> =>
  through(plain, (source) => encrypter.encrypt(source));

/** Decrypts a small file. */
export const decryptWhole = (decrypter: Decrypter, file: Uint8Array): Promise<Buffer> =>
  through(file, (source) => decrypter.decrypt(source));

type Bytes = ReadableStream<Uint8Array>;

/**
 * The package gathers its output with a fetch Response otherwise, and loading that takes longer
 * than sealing a small task.
 */
async function through(
  input: Uint8Array,
  transform: (source: Bytes) => Promise<Bytes>,
): Promise<Buffer> {
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(input);
      controller.close();
    },
  });
  const parts: Uint8Array[] = [];
  for await (const part of await transform(source)) parts.push(part);
  return Buffer.concat(parts);
}

/** How long the header at the start of `file` is; 0 where none ends in there. */
export function headerLength(file: Buffer): number {
  const mac = file.indexOf('\n--- ', 0, 'latin1');
  return mac === -1 ? 0 : file.indexOf('\n', mac + 1, 'latin1') + 1;
}

/** Reads the header of an open age file. Throws `damaged` where there is none. */
export function readHeader(fd: number, path: string): Buffer {
  let start = readStart(fd, FEW_RECIPIENTS);
  let end = headerLength(start);
  if (end === 0 && start.length === FEW_RECIPIENTS) {
    start = readStart(fd, MAX_HEADER);
    end = headerLength(start);
  }
  if (start.indexOf('age-encryption.org/v1\n', 0, 'latin1') === 0 && end > 0) {
    return Buffer.from(start.subarray(0, end));
  }
  const why = start.length === 0 ? 'is empty: truncated' : 'does not begin with an age v1 header';
  throw new TaskfsError('damaged', `${path} ${why}`);
}

function readStart(fd: number, bytes: number): Buffer {
  const start = Buffer.allocUnsafe(bytes);
  return start.subarray(0, readSync(fd, start, 0, bytes, 0));
}

/**
 * The file key that a native identity unwraps from a header, whose MAC is checked; undefined where
 * there is none, or anything is not as it should be: the package says what.
 */
export function unwrapNatively(header: Buffer, identity: string): Buffer | undefined {
  const text = header.toString('latin1');
  for (const fileKey of fileKeysIn(text, identity)) if (hasMac(text, fileKey)) return fileKey;
  return undefined;
}

function hasMac(header: string, fileKey: Buffer): boolean {
  const end = header.lastIndexOf('\n--- ') + '\n---'.length;
  return header.slice(end) === ` ${macOf(header.slice(0, end), fileKey)}\n`;
}

/** The MAC of a header up to and with its `---`. */
function macOf(text: string, fileKey: Uint8Array): string {
  const key = hkdf(fileKey, '', 'header');
  return unpaddedBase64(createHmac('sha256', key).update(text).digest());
}

/** The MAC of a header, as it is written there. */
export function headerMac(header: Buffer): string {
  const text = header.toString('latin1');
  return text.slice(text.lastIndexOf('\n--- ') + 5).trim();
}
