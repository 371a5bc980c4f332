import { closeSync, constants, ftruncateSync } from 'node:fs';
import { Errno, errno } from '../../errno.ts';
import { chmodFd, chownAt, IN, reopen, utimensAt } from '../../sys/index.ts';
import type { AttrChange } from '../file-system.ts';

const KEEP = 0xffffffff;

/**
 * Changes attributes of what `fd` (O_PATH, or open) stands for. `writable` is a descriptor of the
 * same file that is open for writing, where there is one.
 */
export function changeAttributes(
  fd: number,
  writable: number | undefined,
  change: AttrChange,
): void {
  const { size, mode, uid, gid, atime, mtime } = change;
  // chown(2) to nobody: it changes the time of the last change alone.
  if (Object.keys(change).length === 0) chownAt(fd, '', KEEP, KEEP);
  if (size !== undefined) truncate(fd, writable, size);
  if (uid !== undefined || gid !== undefined) chownAt(fd, '', uid ?? KEEP, gid ?? KEEP);
  if (mode !== undefined) chmodFd(fd, mode & 0o7777);
  if (atime !== undefined || mtime !== undefined) {
    utimensAt(fd, '', atime ?? 'omit', mtime ?? 'omit');
  }
}

/** By which events (bits of IN) inotify(7) reports such a change to who watches the directory. */
export function eventsOf({ size, mode, uid, gid, atime, mtime }: AttrChange): number {
  const ofTimes = atime === undefined ? IN.MODIFY : mtime === undefined ? 0 : IN.ATTRIB;
  const isOfAttributes = mode !== undefined || uid !== undefined || gid !== undefined;
  const hasTimes = atime !== undefined || mtime !== undefined;
  const isOfNothing = size === undefined && !isOfAttributes && !hasTimes;
  return (
    (size === undefined ? 0 : IN.MODIFY) |
    (isOfAttributes || isOfNothing ? IN.ATTRIB : 0) |
    (hasTimes ? ofTimes : 0)
  );
}

function truncate(fd: number, writable: number | undefined, size: bigint): void {
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw Errno.of(errno.EFBIG);
  if (writable !== undefined) {
    ftruncateSync(writable, Number(size));
    return;
  }
  const own = reopen(fd, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    ftruncateSync(own, Number(size));
  } finally {
    closeSync(own);
  }
}
