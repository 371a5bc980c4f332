import { createCipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { writeSync } from 'node:fs';
import { beginWriteOut, Errno, errno } from '../../sys/index.ts';
import { CHUNK, openChunkInto, SEALED_CHUNK, sealChunks, sealedSize } from './payload.ts';
import { readFully } from './read-fully.ts';
import { SEGMENT, SEGMENT_CHUNKS, type TarWindow } from './tar-window.ts';

/** Where the segments of a tar go, and the keys. It can be sent to a thread. */
export interface SegmentFile {
  readonly fd: number;
  /** Where the first chunk goes in the file. */
  readonly start: number;
  /** The payload's key. */
  readonly key: Uint8Array;
  /** A key that lives as long as the seal: fingerprints are made with it. */
  readonly printKey: Uint8Array;
  /** A fingerprint of each segment's plaintext, 16 bytes each. */
  readonly prints: SharedArrayBuffer;
}

export const PRINT = 16;

/** Where a segment lies in the payload. */
const sealedAt = (segment: number): number => sealedSize(segment * SEGMENT);

/** Seals the segments of a window into a file, and reads them back. Each thread has one. */
export class Segments {
  private readonly window: TarWindow;
  private readonly file: SegmentFile;
  private readonly key: KeyObject;
  private readonly printKey: KeyObject;
  private readonly prints: Buffer;
  private readonly sealed = Buffer.allocUnsafeSlow(SEGMENT_CHUNKS * SEALED_CHUNK);
  private opened: Buffer | undefined;

  constructor(window: TarWindow, file: SegmentFile) {
    this.window = window;
    this.file = file;
    this.key = createSecretKey(file.key);
    this.printKey = createSecretKey(file.printKey);
    this.prints = Buffer.from(file.prints);
  }

  /** Seals and writes one full segment, if there is one. Throws what write(2) throws. */
  sealOne(): boolean {
    const segment = this.window.claimFull();
    if (segment === undefined) return false;
    const plain = this.window.segment(segment);
    this.prints.set(this.printOf(segment, plain), segment * PRINT);
    const isLast = segment === this.window.segments - 1;
    const { fd, start } = this.file;
    const size = sealChunks(this.key, segment * SEGMENT_CHUNKS, isLast, plain, this.sealed);
    const position = start + sealedAt(segment);
    for (let at = 0; at < size; ) at += writeSync(fd, this.sealed, at, size - at, position + at);
    startWriteOut(fd, position, size);
    this.window.sealed(segment);
    return true;
  }

  /**
   * Reads one segment back that nobody has yet, and compares what it decrypts to with what was encrypted.
   * False where none is left. Throws NotAsWritten.
   */
  checkOne(): boolean {
    const segment = this.window.claimUnchecked();
    if (segment === undefined) return false;
    const length = this.window.lengthOf(segment);
    const sealed = this.sealed.subarray(0, sealedSize(length));
    const at = this.file.start + sealedAt(segment);
    if (readFully(this.file.fd, sealed, at) < sealed.length) throw new NotAsWritten(at);
    this.opened ??= Buffer.allocUnsafeSlow(SEGMENT);
    const plain = this.opened.subarray(0, length);
    if (!this.openAll(segment, sealed, plain)) throw new NotAsWritten(at);
    const print = this.prints.subarray(segment * PRINT, (segment + 1) * PRINT);
    if (!print.equals(this.printOf(segment, plain))) throw new NotAsWritten(at);
    this.window.checked();
    return true;
  }

  private openAll(segment: number, sealed: Buffer, plain: Buffer): boolean {
    const first = segment * SEGMENT_CHUNKS;
    const isLast = segment === this.window.segments - 1;
    const count = Math.ceil(plain.length / CHUNK);
    for (let chunk = 0; chunk < count; chunk++) {
      const from = sealed.subarray(chunk * SEALED_CHUNK, (chunk + 1) * SEALED_CHUNK);
      const into = plain.subarray(chunk * CHUNK, (chunk + 1) * CHUNK);
      const last = isLast && chunk === count - 1;
      if (!openChunkInto(this.key, first + chunk, last, from, into)) return false;
    }
    return true;
  }

  /**
   * AES-GMAC: a hash under a secret, random key. It is some ten times faster than SHA-256, and two segments that differ
   * have the same one once in 2^100.
   */
  private printOf(segment: number, plain: Buffer): Buffer {
    const nonce = Buffer.alloc(12);
    nonce.writeUIntBE(segment, 6, 6);
    const mac = createCipheriv('aes-128-gcm', this.printKey, nonce);
    mac.setAAD(plain);
    mac.final();
    return mac.getAuthTag();
  }
}

/** What was written does not read back as it was. */
export class NotAsWritten extends Error {
  /** Where in the file. */
  readonly at: number;
  constructor(at: number) {
    super(`the bytes at ${at} read back differently`);
    this.at = at;
  }
}

/** Only a hint, so that the disk is busy from the beginning; not every file system takes it. */
function startWriteOut(fd: number, position: number, size: number): void {
  try {
    beginWriteOut(fd, position, size);
  } catch (error) {
    if (!(error instanceof Errno) || !NOT_HERE.includes(error.errno)) throw error;
  }
}

const NOT_HERE: readonly number[] = [errno.ESPIPE, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP];
