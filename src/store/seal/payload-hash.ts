import { createHash } from 'node:crypto';
import { readFully } from './read-fully.ts';
import { NotAsWritten } from './segments.ts';

const STEP = 1024 * 1024;

/** The SHA-256 of a file, read from it front to back while it is still being written further on. */
export class PayloadHash {
  private readonly fd: number;
  private readonly hash = createHash('sha256');
  private readonly buffer = Buffer.allocUnsafeSlow(STEP);
  private at = 0;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Takes a little of what is written for good, the file's first `length` bytes; false where it has all that. */
  step(length: number): boolean {
    const part = this.buffer.subarray(0, Math.min(STEP, length - this.at));
    if (part.length === 0) return false;
    if (readFully(this.fd, part, this.at) < part.length) throw new NotAsWritten(this.at);
    this.hash.update(part);
    this.at += part.length;
    return true;
  }

  /** Hexadecimal. */
  digest(): string {
    return this.hash.digest('hex');
  }
}
