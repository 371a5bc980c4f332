import { closeSync } from 'node:fs';
import { errno } from '../errno.ts';
import { bind, lastErrno, makePipe } from '../sys/index.ts';
import type { Reply } from './protocol/reply.ts';

const F_SETPIPE_SZ = 1031;
/**
 * The most that a plain user gets, and twice what is sent through it: a page may take two slots.
 */
const PIPE_SIZE = 1024 * 1024;
const LONGEST = PIPE_SIZE / 2;
/** Copying less twice is faster than three system calls. */
const SHORTEST = 32 * 1024;

const c = {
  fcntl: bind('int fcntl(int, int, int)'),
  splice: bind('int64_t splice(int, void *, int, void *, size_t, unsigned int)'),
  read: bind('int64_t read(int, void *, size_t)'),
  write: bind('int64_t write(int, const void *, size_t)'),
};

/**
 * Answers reads of real files by splice(2): their pages are copied into the kernel's once, instead
 * of in and out of a buffer here.
 */
export class SpliceReader {
  private readonly device: number;
  private readonly offset = Buffer.alloc(8);
  private pipe: { readonly read: number; readonly write: number } | undefined;
  private isOff = false;

  /** `device` is the connection's descriptor. */
  constructor(device: number) {
    this.device = device;
  }

  /**
   * Answers a read of exactly `size` bytes. Returns false where it cannot be answered this way, as
   * at a file's end: nothing was sent then, and `reply` is still to be built.
   */
  send(reply: Reply, unique: number, fd: number, offset: number, size: number): boolean {
    if (this.isOff || size < SHORTEST || size > LONGEST) return false;
    const pipe = this.pipe ?? this.open();
    if (!pipe) return false;
    const whole = reply.finish(unique, size);
    const header = whole - size;
    if (c.write(pipe.write, reply.bytes, header) !== header) return this.giveUp();
    this.offset.writeBigInt64LE(BigInt(offset));
    let filled = 0;
    while (filled < size) {
      const moved = c.splice(fd, this.offset, pipe.write, null, size - filled, 0);
      if (moved === -1 && lastErrno() === errno.EINTR) continue;
      if (moved === -1) return this.fail(lastErrno());
      if (moved === 0) break;
      filled += moved;
    }
    if (filled < size) {
      // The next reply must not begin with what is left of this one.
      if (c.read(pipe.read, reply.bytes, header + filled) !== header + filled) this.close();
      return false;
    }
    // Refused where the caller (ENOENT) or the mount has ended: no reply is owed any more.
    if (c.splice(pipe.read, null, this.device, null, whole, 0) !== whole) this.close();
    return true;
  }

  close(): void {
    if (!this.pipe) return;
    closeSync(this.pipe.read);
    closeSync(this.pipe.write);
    this.pipe = undefined;
  }

  private open(): typeof this.pipe {
    this.pipe = makePipe();
    if (c.fcntl(this.pipe.write, F_SETPIPE_SZ, PIPE_SIZE) < PIPE_SIZE) this.giveUp();
    return this.pipe;
  }

  /** The ordinary read reports what cannot be read; without splice(2) there, it does all. */
  private fail(error: number): false {
    if (error === errno.EINVAL) this.isOff = true;
    this.close();
    return false;
  }

  /** The pipe cannot be had, or is too small. */
  private giveUp(): false {
    this.isOff = true;
    this.close();
    return false;
  }
}
