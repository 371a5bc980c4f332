import { closeSync, constants } from 'node:fs';
import { chmodFd, chownAt, O_PATH, openAt, type Stat, statFd } from '../../sys/index.ts';
import type { Caller } from '../filesystem.ts';

const S_ISGID = 0o2000;
const SET_ID = 0o6000;
const KEEP = 0xffffffff;

// A server keeps the ids that it was started with; asking for them costs a system call each.
const isRoot = process.geteuid?.() === 0;
const group = process.getegid?.();

/** Whether files made for this caller would belong to the server instead. */
export const isForeign = (caller: Caller): boolean =>
  isRoot && (caller.uid !== 0 || caller.gid !== group);

/**
 * Gives what a server running as root has just made to the caller for whom it did. In a directory
 * with the setgid bit the group is the directory's, as everywhere.
 */
export function giveTo(caller: Caller, fd: number, parent: number): void {
  const inheritsGroup = (statFd(parent).mode & S_ISGID) !== 0;
  const { mode } = statFd(fd);
  chownAt(fd, '', caller.uid, inheritsGroup ? KEEP : caller.gid);
  if (mode & SET_ID) chmodFd(fd, mode & 0o7777);
}

/** The state of what was just made as `name`, given to the caller. */
export function adopt(caller: Caller, parent: number, name: Uint8Array): Stat {
  const fd = openAt(parent, name, O_PATH | constants.O_NOFOLLOW);
  try {
    if (isForeign(caller)) giveTo(caller, fd, parent);
    return statFd(fd);
  } finally {
    closeSync(fd);
  }
}
