import { writeU64 } from './struct.ts';
import { outHeader } from './structs.ts';

const h = outHeader.at;

/**
 * The reply that is being built, in one buffer that is reused for all. Handlers write their struct
 * from `Reply.body` on and return its length.
 */
export class Reply {
  /** Where an operation's own struct starts. */
  static readonly body = outHeader.size;

  readonly bytes: Buffer;
  readonly view: DataView;

  constructor(size: number) {
    this.bytes = Buffer.alloc(size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
  }

  /** `length` bytes of the body, for read to fill. */
  data(length: number): Buffer {
    return this.bytes.subarray(Reply.body, Reply.body + length);
  }

  /** Puts bytes at an offset of the body; returns their length. */
  put(bytes: Uint8Array, offset = 0): number {
    this.bytes.set(bytes, Reply.body + offset);
    return bytes.length;
  }

  /** Zeroes the struct and returns its length. */
  clear(length: number): number {
    this.bytes.fill(0, Reply.body, Reply.body + length);
    return length;
  }

  /** Writes the header of a reply with `length` bytes of body; returns the whole length. */
  finish(unique: number, length: number): number {
    return this.header(unique, 0, outHeader.size + length);
  }

  /** Makes this an error reply with a positive errno number; returns the whole length. */
  refuse(unique: number, errno: number): number {
    return this.header(unique, -errno, outHeader.size);
  }

  private header(unique: number, error: number, length: number): number {
    this.view.setUint32(h.len, length, true);
    this.view.setInt32(h.error, error, true);
    writeU64(this.view, h.unique, unique);
    return length;
  }
}
