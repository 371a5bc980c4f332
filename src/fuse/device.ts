import { Errno, errno } from '../errno.ts';
import { AT, bind, check, lastErrno, openAt, PollSet } from '../sys/index.ts';

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const F_SETFL = 4;

const c = {
  read: bind('int64_t read(int, void *, size_t)'),
  write: bind('int64_t write(int, const void *, size_t)'),
  fcntl: bind('int fcntl(int, int, int)'),
};

/** Opens /dev/fuse; the connection exists once a mount was made with the descriptor. */
export function openDevice(): number {
  return openAt(AT.FDCWD, '/dev/fuse', O_RDWR);
}

/**
 * Whether the connection behind an open device still exists. Takes no request away from whoever
 * serves it.
 */
export function isConnected(device: number): boolean {
  const polled = new PollSet([device]);
  polled.wait(0);
  return !polled.isBroken(0);
}

/** What a read of the device can return, other than a request's length. */
export const EMPTY = 0;
/** The mount is gone. */
export const UNMOUNTED = -1;
/** The connection was cut (fusectl, a forced unmount) and the mount may still be there, dead. */
export const ABORTED = -2;

/**
 * The connection to the kernel. Reads never block (`wait` does), and what is normal is no
 * exception: one for every EAGAIN would cost more than the polling that it allows.
 */
export class Device {
  readonly fd: number;
  private readonly polled: PollSet;

  /** `also` is a second descriptor that may end a sleep. */
  constructor(fd: number, also = -1) {
    this.fd = fd;
    check(c.fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK));
    this.polled = new PollSet([fd, also]);
  }

  /** The next request's length, or EMPTY, UNMOUNTED, ABORTED. */
  read(into: Buffer): number {
    const length = c.read(this.fd, into, into.length);
    if (length >= 0) return length === 0 ? ABORTED : length;
    const error = lastErrno();
    if (error === errno.EAGAIN || error === errno.EINTR || error === errno.ENOENT) return EMPTY;
    if (error === errno.ENODEV) return UNMOUNTED;
    if (error === errno.ECONNABORTED) return ABORTED;
    throw Errno.of(error);
  }

  /** Sends a reply or a notification; returns 0, or the errno number of a refusal. */
  write(bytes: Buffer, length: number): number {
    return c.write(this.fd, bytes, length) === -1 ? lastErrno() : 0;
  }

  /**
   * Sleeps until there is a request, the connection ended, or `timeoutMs` passed (-1: no limit);
   * with `both` also until the second descriptor is readable. Returns whether that is.
   */
  wait(timeoutMs: number, both: boolean): boolean {
    const ready = this.polled.wait(timeoutMs, both ? 2 : 1);
    return both && ready > 0 && this.polled.isReadable(1);
  }

  /** Whether there was a request, or the connection's end, when it was last waited for. */
  get isReadable(): boolean {
    return this.polled.isReadable(0);
  }
}
