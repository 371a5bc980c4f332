import { closeSync } from 'node:fs';
import { unlessRefused } from '../errno.ts';
import { O_PATH } from './at.ts';
import { bindLazily, check, cstring, readWaiting } from './libc.ts';

/**
 * fanotify(7), as far as it says which files are written through a mount, and only through that.
 */

const c = {
  init: bindLazily('int fanotify_init(unsigned int, unsigned int)'),
  mark: bindLazily('int fanotify_mark(int, unsigned int, uint64_t, int, const void *)'),
  openByHandle: bindLazily('int open_by_handle_at(int, const void *, int)'),
};

const FAN_CLOEXEC = 1;
const FAN_NONBLOCK = 2;
/** Events name directories by handles: descriptors would keep the mount in use. */
const FAN_REPORT_DFID_NAME = 0xc00;
const FAN_MARK_ADD = 1;
const FAN_MARK_MOUNT = 0x10;
const FAN_CLOSE_WRITE = 8;

/** Of struct fanotify_event_metadata: `event_len`, `metadata_len`. */
const AT_LENGTH = 0;
const AT_HEADER_LENGTH = 6;
/** Of what follows: `info_type`, and a struct file_handle behind `fsid`. */
const AT_TYPE = 0;
const AT_HANDLE = 12;
const INFO_TYPE_DFID_NAME = 2;
/** Of struct file_handle: the length of what comes after its header. */
const HANDLE_HEADER = 8;

/** Files that are closed after they were open for writing, on the mounts that were added. */
export class ClosedAfterWriting {
  private readonly fd: number;
  private readonly buffer = Buffer.alloc(4096);

  /** Needs CAP_SYS_ADMIN. Linux 5.9 and later. Throws Errno. */
  constructor() {
    this.fd = check(c.init(FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME, 0));
  }

  /**
   * Adds the mount that a descriptor (O_PATH will do) leads to, until it is gone. Throws Errno
   * where its file system has no handles.
   */
  add(directory: number): void {
    const flags = FAN_MARK_ADD | FAN_MARK_MOUNT;
    check(c.mark(this.fd, flags, FAN_CLOSE_WRITE, directory, cstring('.')));
  }

  /**
   * Hands on the name of each file since the last call, with a descriptor (O_PATH) of its directory
   * that is open until `visit` returns. `anchor` is any open directory of the file system.
   */
  take(anchor: number, visit: (directory: number, name: Buffer) => void): void {
    for (;;) {
      const length = readWaiting(this.fd, this.buffer);
      if (length === 0) return;
      for (let at = 0, size = 0; at < length; at += size) {
        size = this.buffer.readUInt32LE(at + AT_LENGTH);
        const header = this.buffer.readUInt16LE(at + AT_HEADER_LENGTH);
        // That events were lost says one without a name.
        if (size > header) this.handOn(anchor, at + header, visit);
      }
    }
  }

  private handOn(
    anchor: number,
    info: number,
    visit: (directory: number, name: Buffer) => void,
  ): void {
    if (this.buffer[info + AT_TYPE] !== INFO_TYPE_DFID_NAME) return;
    const handle = this.buffer.subarray(info + AT_HANDLE);
    const rest = handle.subarray(HANDLE_HEADER + handle.readUInt32LE(0));
    const name = Buffer.from(rest.subarray(0, rest.indexOf(0)));
    // A directory that is gone by now takes its files along.
    const directory = unlessRefused(() => check(c.openByHandle(anchor, handle, O_PATH)));
    if (directory === undefined) return;
    try {
      visit(directory, name);
    } finally {
      closeSync(directory);
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}
