import { createCipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import {
  CHUNK,
  decryptChunkInto,
  ENCRYPTED_CHUNK,
  encryptChunks,
  encryptedSize,
} from '../../age/index.ts';
import { DirectBuffer, type DirectFile, writeDirect } from './o-direct.ts';
import { type RingBuffer, SEGMENT, SEGMENT_CHUNKS } from './ring-buffer.ts';

/** Where the segments of a tar go, and the keys. It can be sent to a thread. */
export interface SegmentFile extends DirectFile {
  /** Where the first chunk goes in the file. */
  readonly start: number;
  /** The payload's key. */
  readonly key: Uint8Array;
  /** A key for fingerprints, new for each seal. */
  readonly fingerprintKey: Uint8Array;
  /** A fingerprint of each segment's plaintext, 16 bytes each. */
  readonly fingerprints: SharedArrayBuffer;
}

export const FINGERPRINT = 16;

/** Bytes of a sealed segment, at most. */
export const SEALED_SEGMENT = SEGMENT_CHUNKS * ENCRYPTED_CHUNK;

/** Encrypts the segments of a ring into a file, and compares what is read back. One per thread. */
export class Segments {
  private readonly ring: RingBuffer;
  private readonly file: SegmentFile;
  private readonly key: KeyObject;
  private readonly fingerprintKey: KeyObject;
  private readonly fingerprints: Buffer;
  private readonly sealed = new DirectBuffer(SEALED_SEGMENT);
  private opened: Buffer | undefined;

  constructor(ring: RingBuffer, file: SegmentFile) {
    this.ring = ring;
    this.file = file;
    this.key = createSecretKey(file.key);
    this.fingerprintKey = createSecretKey(file.fingerprintKey);
    this.fingerprints = Buffer.from(file.fingerprints);
  }

  /** Where a sealed segment begins in the file. */
  positionOf(segment: number): number {
    return this.file.start + encryptedSize(segment * SEGMENT);
  }

  /** Bytes of a sealed segment. */
  sizeOf(segment: number): number {
    return encryptedSize(this.ring.lengthOf(segment));
  }

  /** Encrypts and writes one full segment, if there is one. Throws what write(2) throws. */
  sealOne(): boolean {
    const segment = this.ring.claimFull();
    if (segment === undefined) return false;
    const plain = this.ring.segment(segment);
    this.fingerprints.set(this.fingerprintOf(segment, plain), segment * FINGERPRINT);
    const isLast = segment === this.ring.segments - 1;
    const position = this.positionOf(segment);
    const sealed = this.sealed.at(position, this.sizeOf(segment));
    encryptChunks(this.key, segment * SEGMENT_CHUNKS, isLast, plain, sealed);
    writeDirect(this.file, sealed, position);
    this.ring.markSealed(segment);
    return true;
  }

  /** Whether what was read back decrypts to what was encrypted. */
  isAsWritten(segment: number, sealed: Buffer): boolean {
    this.opened ??= Buffer.allocUnsafeSlow(SEGMENT);
    const plain = this.opened.subarray(0, this.ring.lengthOf(segment));
    if (!this.openAll(segment, sealed, plain)) return false;
    const print = this.fingerprints.subarray(segment * FINGERPRINT, (segment + 1) * FINGERPRINT);
    return print.equals(this.fingerprintOf(segment, plain));
  }

  private openAll(segment: number, sealed: Buffer, plain: Buffer): boolean {
    const first = segment * SEGMENT_CHUNKS;
    const isLast = segment === this.ring.segments - 1;
    const count = Math.ceil(plain.length / CHUNK);
    for (let chunk = 0; chunk < count; chunk++) {
      const from = sealed.subarray(chunk * ENCRYPTED_CHUNK, (chunk + 1) * ENCRYPTED_CHUNK);
      const into = plain.subarray(chunk * CHUNK, (chunk + 1) * CHUNK);
      const last = isLast && chunk === count - 1;
      if (!decryptChunkInto(this.key, first + chunk, last, from, into)) return false;
    }
    return true;
  }

  /**
   * AES-GMAC: a hash under a secret, random key. It is some ten times as fast as SHA-256, and two
   * different segments have the same one with a chance of 1 in 2^100.
   */
  private fingerprintOf(segment: number, plain: Buffer): Buffer {
    const nonce = Buffer.alloc(12);
    nonce.writeUIntBE(segment, 6, 6);
    const mac = createCipheriv('aes-128-gcm', this.fingerprintKey, nonce);
    mac.setAAD(plain);
    mac.final();
    return mac.getAuthTag();
  }
}
