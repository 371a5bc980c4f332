import {
  appendFileSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Errno } from '../../errno.ts';
import { syncDirectory } from '../../files/index.ts';
import {
  AT,
  chmodFd,
  MountedBeneath,
  O_PATH,
  openAt,
  openInMount,
  type Stat,
  statFd,
} from '../../sys/index.ts';

/** Called before something gets a mode that it did not have, for as long as it is read. */
export type OnChmod = (path: Buffer, stat: Stat) => void;

/** A line of the note: what was lent to, and the mode that it had. */
interface ChmodRecord {
  /** From the top of the tree, base64 of the raw bytes. */
  readonly path: string;
  readonly ino: string;
  readonly mode: number;
}

/**
 * Notes in a file, durably, what mode something had before it is lent the right to be read. So that,
 * where this process is killed meanwhile, `restoreModes` gives it back.
 */
export function logChmods(notePath: string): OnChmod {
  let isNew = true;
  return (path, { ino, mode }) => {
    const loan: ChmodRecord = {
      path: path.toString('base64'),
      ino: String(ino),
      mode: mode & 0o7777,
    };
    const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
    const fd = openSync(notePath, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
    try {
      appendFileSync(fd, `${JSON.stringify(loan)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (isNew) syncDirectory(dirname(notePath));
    isNew = false;
  };
}

/**
 * Gives everything in a tree the mode back that a killed process lent to it; the deepest first, for
 * only what is above them lets them be reached. What is not there any more, or is something else by
 * now, is left alone. The note goes.
 */
export function restoreModes(notePath: string, top: string): void {
  const loans = readChmodLog(notePath);
  if (loans.length === 0) return;
  for (const { path, ino, mode } of loans.reverse()) {
    const fd = pin(top, Buffer.from(path, 'base64'));
    if (fd === undefined) continue;
    try {
      if (statFd(fd).ino === BigInt(ino)) chmodFd(fd, mode);
    } finally {
      closeSync(fd);
    }
  }
  removeChmodLog(notePath);
}

/** For when the tree is sealed: its modes do not matter any more. */
export const removeChmodLog = (notePath: string): void => rmSync(notePath, { force: true });

function readChmodLog(notePath: string): ChmodRecord[] {
  try {
    // The last line may be cut off: what it announces was not done.
    const lines = readFileSync(notePath, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as ChmodRecord);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Name by name, never through a symlink nor into a mount, however long the path is; undefined where it is not there. */
function pin(top: string, path: Buffer): number | undefined {
  const names = path.length === 0 ? [] : path.toString('latin1').split('/');
  let fd: number | undefined;
  try {
    fd = openAt(AT.FDCWD, top, O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY);
    for (const name of names) {
      const child = openInMount(fd, Buffer.from(name, 'latin1'), O_PATH | constants.O_NOFOLLOW);
      closeSync(fd);
      fd = child;
    }
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (error instanceof Errno || error instanceof MountedBeneath) return undefined;
    throw error;
  }
}
