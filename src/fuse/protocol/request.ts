import { Errno, errno } from '../../errno.ts';
import type { Caller } from '../../fs/index.ts';
import { readU64 } from './struct.ts';
import { inHeader } from './structs.ts';

const h = inHeader.at;
/** Where an operation's own struct starts. */
const BODY = inHeader.size;

/**
 * The request that is being handled. One object and one buffer are reused for all, so names and
 * data are views that are valid until the reply is written: whoever keeps one copies it.
 */
export class Request {
  readonly bytes: Buffer;
  readonly view: DataView;
  length = 0;
  opcode = 0;
  /** The kernel's id of this request, repeated in its reply. */
  unique = 0;
  node = 0;

  constructor(size: number) {
    this.bytes = Buffer.alloc(size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
  }

  /** Decodes the header of a request of `length` bytes that was read into `bytes`. */
  accept(length: number): void {
    this.length = length;
    this.opcode = this.view.getUint32(h.opcode, true);
    this.unique = readU64(this.view, h.unique);
    this.node = readU64(this.view, h.nodeid);
  }

  get caller(): Caller {
    return {
      uid: this.view.getUint32(h.uid, true),
      gid: this.view.getUint32(h.gid, true),
      pid: this.view.getUint32(h.pid, true),
    };
  }

  /** The thread that asks; 0 where the kernel does, or one of another pid namespace. */
  get thread(): number {
    return this.view.getUint32(h.pid, true);
  }

  /** A 32-bit field at its offset in the operation's struct. */
  u32(offset: number): number {
    return this.view.getUint32(BODY + offset, true);
  }

  i32(offset: number): number {
    return this.view.getInt32(BODY + offset, true);
  }

  u64(offset: number): number {
    return readU64(this.view, BODY + offset);
  }

  /** A signed 64-bit field in full: for offsets and times that use all bits. */
  i64(offset: number): bigint {
    return this.view.getBigInt64(BODY + offset, true);
  }

  bigU64(offset: number): bigint {
    return this.view.getBigUint64(BODY + offset, true);
  }

  /** The bytes that follow a struct of `offset` bytes: data of a write, value of an xattr. */
  data(offset: number, length: number): Buffer {
    const start = BODY + offset;
    if (start + length > this.length) throw Errno.of(errno.EINVAL);
    return this.bytes.subarray(start, start + length);
  }

  /** The NUL-terminated name that follows a struct of `offset` bytes. */
  name(offset = 0): Buffer {
    const start = BODY + offset;
    const end = this.bytes.indexOf(0, start);
    if (end === -1 || end >= this.length) throw Errno.of(errno.EINVAL);
    return this.bytes.subarray(start, end);
  }

  /** Two names in a row, as rename and symlink send them. */
  twoNames(offset = 0): [Buffer, Buffer] {
    const first = this.name(offset);
    return [first, this.name(offset + first.length + 1)];
  }
}
