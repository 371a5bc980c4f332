import { closeSync } from 'node:fs';
import { bind, check, cstring, readWaiting } from './libc.ts';
import { PollSet } from './poll.ts';

/** inotify(7), without Node's event loop. */

export const IN = {
  MODIFY: 0x2,
  ATTRIB: 0x4,
  CLOSE_WRITE: 0x8,
  OPEN: 0x20,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ONLYDIR: 0x1000000,
  ISDIR: 0x40000000,
} as const;

export interface InotifyEvent {
  /** The watch, as `add` numbered it; -1 with Q_OVERFLOW. */
  readonly watch: number;
  readonly mask: number;
  /** The same for both halves of one rename, else 0. */
  readonly cookie: number;
  /** Raw bytes, empty where the watched directory itself is meant. */
  readonly name: Buffer;
}

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
const HEADER_SIZE = 16;
/** An event with the longest name. */
const LARGEST = HEADER_SIZE + 256;

/** An inotify instance; its descriptor is readable (poll(2)) when there are events. */
export class Inotify {
  readonly fd: number;
  private readonly buffer = Buffer.alloc(64 * 1024);
  private readonly addWatch = bind('int inotify_add_watch(int, const void *, unsigned int)');
  private readonly removeWatch = bind('int inotify_rm_watch(int, int)');
  private readonly polled: PollSet;

  /** Throws EMFILE where the user has too many instances. */
  constructor() {
    this.fd = check(bind('int inotify_init1(int)')(IN_NONBLOCK | IN_CLOEXEC));
    this.polled = new PollSet([this.fd]);
  }

  /** Watches what a path leads to. Throws ENOSPC where the user has too many watches. */
  add(path: string, mask: number): number {
    return check(this.addWatch(this.fd, cstring(path), mask));
  }

  /** Ends a watch; one that ended by itself, since its directory is gone, is fine. */
  remove(watch: number): void {
    this.removeWatch(this.fd, watch);
  }

  /** Whether events wait. */
  get hasEvents(): boolean {
    return this.polled.wait(0) !== 0;
  }

  /** The events that wait, oldest first; none is fine. */
  take(): InotifyEvent[] {
    const events: InotifyEvent[] = [];
    let length: number;
    do {
      length = readWaiting(this.fd, this.buffer);
      this.addEvents(length, events);
    } while (length > this.buffer.length - LARGEST);
    return events;
  }

  private addEvents(length: number, events: InotifyEvent[]): void {
    for (let at = 0; at < length; ) {
      const size = this.buffer.readUInt32LE(at + 12);
      const name = this.buffer.subarray(at + HEADER_SIZE, at + HEADER_SIZE + size);
      const end = name.indexOf(0);
      events.push({
        watch: this.buffer.readInt32LE(at),
        mask: this.buffer.readUInt32LE(at + 4),
        cookie: this.buffer.readUInt32LE(at + 8),
        name: Buffer.from(end === -1 ? name : name.subarray(0, end)),
      });
      at += HEADER_SIZE + size;
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}
