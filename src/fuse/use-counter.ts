import { existsSync } from 'node:fs';
import { OP } from './protocol/opcode.ts';

/** What the kernel asks by itself, and what looks at the space alone, as monitoring does. */
const NO_USE: ReadonlySet<number> = new Set([
  OP.INIT,
  OP.DESTROY,
  OP.FORGET,
  OP.BATCH_FORGET,
  OP.INTERRUPT,
  OP.NOTIFY_REPLY,
  OP.RELEASE,
  OP.RELEASEDIR,
  OP.STATFS,
]);

/**
 * Counts the requests by which programs use a mount, in memory that all threads share which serve
 * it. Those of the server itself do not count.
 */
export class UseCounter {
  private readonly count: Int32Array;
  private lastThread = 0;
  private isOwn = false;

  constructor(memory: SharedArrayBuffer) {
    this.count = new Int32Array(memory);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  /** It wraps around: only that it has changed means something. */
  get uses(): number {
    return Atomics.load(this.count, 0);
  }

  /** Takes note of a request of this kind by this thread. */
  add(opcode: number, thread: number): void {
    if (!NO_USE.has(opcode) && !this.isOwnThread(thread)) Atomics.add(this.count, 0, 1);
  }

  /** Looked up once for all that a thread asks in a row. */
  private isOwnThread(thread: number): boolean {
    if (thread !== this.lastThread) {
      this.lastThread = thread;
      this.isOwn = existsSync(`/proc/self/task/${thread}`);
    }
    return this.isOwn;
  }
}
