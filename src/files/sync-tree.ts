import { closeSync, constants, fsync } from 'node:fs';
import { promisify } from 'node:util';
import { unlessMissing, unlessRefused } from '../errno.ts';
import { AT, DT, listDirectory, openAt, openAt2, RESOLVE, syncfsOnThread } from '../sys/index.ts';

/** Up to so many files and directories are made durable one by one. */
const ONE_BY_ONE = 64;

const OPEN = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Only the owner and root may. */
const OPEN_UNSEEN = OPEN | constants.O_NOATIME;

/**
 * Makes a directory and all that is beneath it survive a power cut; none is fine. One by one where
 * they are few and can be opened with no trace in their times of access; otherwise with their whole
 * file system, which takes as long as what others have just written there. Throws Errno, or the
 * system's error.
 */
export async function syncTree(path: string): Promise<void> {
  const open = (how: number) => openAt(AT.FDCWD, path, how | constants.O_DIRECTORY);
  const top = unlessRefused(() => open(OPEN_UNSEEN)) ?? unlessMissing(() => open(OPEN));
  if (top === undefined) return;
  const fds = [top];
  try {
    const isWhole = openBeneath(top, fds);
    await (isWhole ? Promise.all(fds.map((fd) => syncDescriptor(fd))) : syncfsOnThread(top));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** Makes the content of a file survive a power cut; none is fine. */
export async function syncFile(path: string): Promise<void> {
  const fd = unlessMissing(() => openAt(AT.FDCWD, path, OPEN));
  if (fd === undefined) return;
  try {
    await syncDescriptor(fd);
  } finally {
    closeSync(fd);
  }
}

const syncDescriptor = promisify(fsync);

/** Opens what is beneath a directory; false where that is too much, or something refuses. */
function openBeneath(directory: number, fds: number[]): boolean {
  for (const { name, type } of listDirectory(directory)) {
    if (type === DT.UNKNOWN || fds.length === ONE_BY_ONE) return false;
    if (type !== DT.REG && type !== DT.DIR) continue;
    const fd = unlessRefused(() => openAt2(directory, name, OPEN_UNSEEN, RESOLVE.NO_XDEV));
    if (fd === undefined) return false;
    fds.push(fd);
    if (type === DT.DIR && !openBeneath(fd, fds)) return false;
  }
  return true;
}
