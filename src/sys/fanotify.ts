import { closeSync, constants } from 'node:fs';
import { Errno, errno } from '../errno.ts';
import { O_CLOEXEC } from './at.ts';
import { bindLazily, check, cstring, lastErrno } from './libc.ts';

/**
 * fanotify(7), as far as it says which files are written through a mount, and only through that.
 */

const c = {
  init: bindLazily('int fanotify_init(unsigned int, unsigned int)'),
  mark: bindLazily('int fanotify_mark(int, unsigned int, uint64_t, int, const void *)'),
  read: bindLazily('int64_t read(int, void *, size_t)'),
};

const FAN_CLOEXEC = 1;
const FAN_NONBLOCK = 2;
const FAN_MARK_ADD = 1;
const FAN_MARK_MOUNT = 0x10;
const FAN_CLOSE_WRITE = 8;

/** Of struct fanotify_event_metadata: `event_len`, `fd`. */
const AT_LENGTH = 0;
const AT_FD = 16;
const FAN_NOFD = -1;

/** Files that are closed after they were open for writing, on the mounts that were added. */
export class ClosedAfterWriting {
  private readonly fd: number;
  private readonly buffer = Buffer.alloc(4096);

  /** Needs CAP_SYS_ADMIN. Throws Errno. */
  constructor() {
    const { O_RDONLY, O_NONBLOCK, O_NOATIME } = constants;
    const ofFiles = O_RDONLY | O_NONBLOCK | O_NOATIME | O_CLOEXEC;
    this.fd = check(c.init(FAN_CLOEXEC | FAN_NONBLOCK, ofFiles));
  }

  /** Adds the mount that a descriptor (O_PATH will do) leads to, until it is gone. */
  add(directory: number): void {
    const flags = FAN_MARK_ADD | FAN_MARK_MOUNT;
    check(c.mark(this.fd, flags, FAN_CLOSE_WRITE, directory, cstring('.')));
  }

  /** Hands on each file since the last call, open for reading until `visit` returns. */
  take(visit: (fd: number) => void): void {
    for (let length = this.fill(); length > 0; length = this.fill()) {
      for (let at = 0; at < length; at += this.buffer.readUInt32LE(at + AT_LENGTH)) {
        const fd = this.buffer.readInt32LE(at + AT_FD);
        if (fd !== FAN_NOFD) withDescriptor(fd, visit);
      }
    }
  }

  private fill(): number {
    const length = c.read(this.fd, this.buffer, this.buffer.length);
    if (length >= 0) return length;
    if (lastErrno() === errno.EAGAIN || lastErrno() === errno.EINTR) return 0;
    throw Errno.of(lastErrno());
  }

  close(): void {
    closeSync(this.fd);
  }
}

function withDescriptor(fd: number, visit: (fd: number) => void): void {
  try {
    visit(fd);
  } finally {
    closeSync(fd);
  }
}
