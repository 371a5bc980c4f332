import { bind } from './libc.ts';

const POLLIN = 1;
const POLLERR = 8;
const POLLHUP = 16;
const POLLFD_SIZE = 8;
const AT_EVENTS = 4;
const AT_REVENTS = 6;

/** Descriptors that stay open, to be waited for until they can be read (poll(2)). */
export class PollSet {
  private readonly poll = bind('int poll(void *, unsigned long, int)');
  private readonly pollfds: Buffer;
  private readonly count: number;

  /** One below 0 is never readable. */
  constructor(fds: readonly number[]) {
    this.count = fds.length;
    this.pollfds = Buffer.alloc(fds.length * POLLFD_SIZE);
    for (const [index, fd] of fds.entries()) {
      this.pollfds.writeInt32LE(fd, index * POLLFD_SIZE);
      this.pollfds.writeInt16LE(POLLIN, index * POLLFD_SIZE + AT_EVENTS);
    }
  }

  /**
   * Waits up to `timeoutMs` (-1: no limit) until one of the first `count` can be read, or is at its
   * end. Returns how many are; -1: a signal came.
   */
  wait(timeoutMs: number, count = this.count): number {
    return this.poll(this.pollfds, count, timeoutMs);
  }

  /** Whether this one was, when it was last waited for. */
  isReadable(index: number): boolean {
    return this.revents(index) !== 0;
  }

  /** Whether what this one leads to was gone by then. Of a pipe that is read, its writers. */
  isBroken(index: number): boolean {
    return (this.revents(index) & (POLLERR | POLLHUP)) !== 0;
  }

  private revents(index: number): number {
    return this.pollfds.readInt16LE(index * POLLFD_SIZE + AT_REVENTS);
  }
}
