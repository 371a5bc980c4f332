import { createHash, type KeyObject, randomBytes } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { writeFully } from '../files/index.ts';
import type { AgeHeader } from './header.ts';
import { CHUNK, ENCRYPTED_CHUNK, encryptChunks, NONCE, payloadKey } from './payload.ts';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** A new age file, of which header and nonce are written. */
export interface NewAgeFile {
  readonly fd: number;
  /** Where the payload begins. */
  readonly start: number;
  readonly key: KeyObject;
}

/** Creates an age file, which must not exist yet. The caller closes `fd`. */
export function createAgeFile(path: string, header: AgeHeader): NewAgeFile {
  const nonce = randomBytes(NONCE);
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    const start = Buffer.concat([header.bytes, nonce]);
    writeFully(fd, start, 0);
    return { fd, start: start.length, key: payloadKey(header.fileKey, nonce) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const BLOCK_CHUNKS = 16;
/** Bytes of a UTF-16 unit in UTF-8, at most. */
const MAX_UTF8 = 3;

/** Writes the payload of an age file front to back. */
export class EncryptedWriter {
  /** Bytes of plaintext so far. */
  position = 0;
  private readonly file: NewAgeFile;
  private readonly hash = createHash('sha256');
  private readonly block = Buffer.allocUnsafeSlow(BLOCK_CHUNKS * CHUNK);
  private readonly encrypted = Buffer.allocUnsafeSlow(BLOCK_CHUNKS * ENCRYPTED_CHUNK);
  private used = 0;
  private counter = 0;

  constructor(file: NewAgeFile) {
    this.file = file;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      // Only the last chunk is marked so: a full block waits for what comes after it.
      if (this.used === this.block.length) this.flush(false);
      const part = bytes.subarray(at, at + this.block.length - this.used);
      this.block.set(part, this.used);
      this.used += part.length;
      this.position += part.length;
      at += part.length;
    }
  }

  /**
   * Writes text as UTF-8, straight into the block: a buffer for each line would be garbage as
   * large as the file.
   */
  writeText(text: string): void {
    if (this.block.length - this.used < MAX_UTF8 * text.length) {
      this.write(Buffer.from(text));
      return;
    }
    const length = this.block.write(text, this.used);
    this.used += length;
    this.position += length;
  }

  /** Writes the last chunk; returns the SHA-256 of the plaintext, hexadecimal. */
  finish(): string {
    this.flush(true);
    return this.hash.digest('hex');
  }

  private flush(isLast: boolean): void {
    const { fd, start, key } = this.file;
    const plain = this.block.subarray(0, this.used);
    this.hash.update(plain);
    const size = encryptChunks(key, this.counter, isLast, plain, this.encrypted);
    const position = start + this.counter * ENCRYPTED_CHUNK;
    writeFully(fd, this.encrypted.subarray(0, size), position);
    this.counter += BLOCK_CHUNKS;
    this.used = 0;
  }
}
