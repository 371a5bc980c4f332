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

/** Root reads whatever the mode says. Asked once: it is a system call, and files are many. */
const isRoot = process.geteuid?.() === 0;

/** Whether a file's mode keeps its owner from reading it: it needs a temporary one. */
export const needsChmod = ({ mode }: Pick<Stat, 'mode'>): boolean =>
  !isRoot && (mode & 0o400) === 0;

/** The same of a directory, which has to be searched as well. */
export const directoryNeedsChmod = ({ mode }: Pick<Stat, 'mode'>): boolean =>
  !isRoot && (mode & 0o500) !== 0o500;

/**
 * Called before a file's mode is changed so that it can be read; the mode is restored afterwards.
 */
export type OnChmod = (path: Buffer, stat: Stat) => void;

/** A line of the log: a file, and the mode that it had. */
interface ChmodRecord {
  /** From the top of the tree, base64 of the raw bytes. */
  readonly path: string;
  readonly ino: string;
  readonly mode: number;
}

/**
 * Logs durably what mode a file had before it is changed, so that `restoreModes` can restore it
 * where this process is killed meanwhile.
 */
export function logChmods(logPath: string): OnChmod {
  let isNew = true;
  return (path, { ino, mode }) => {
    const record: ChmodRecord = {
      path: path.toString('base64'),
      ino: String(ino),
      mode: mode & 0o7777,
    };
    const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
    const fd = openSync(logPath, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
    try {
      appendFileSync(fd, `${JSON.stringify(record)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (isNew) syncDirectory(dirname(logPath));
    isNew = false;
  };
}

/**
 * Restores the modes that a killed process changed in a tree; the deepest first, for they are
 * reached only through what is above them. What is gone, or is another file by now, is left alone.
 * Removes the log.
 */
export function restoreModes(logPath: string, top: string): void {
  const records = readChmodLog(logPath);
  if (records.length === 0) return;
  for (const { path, ino, mode } of records.reverse()) {
    const fd = pin(top, Buffer.from(path, 'base64'));
    if (fd === undefined) continue;
    try {
      if (statFd(fd).ino === BigInt(ino)) chmodFd(fd, mode);
    } finally {
      closeSync(fd);
    }
  }
  removeChmodLog(logPath);
}

/** Once the tree is sealed, its modes no longer matter. */
export const removeChmodLog = (logPath: string): void => rmSync(logPath, { force: true });

function readChmodLog(logPath: string): ChmodRecord[] {
  try {
    // The last line may be incomplete: the change that it announces was not made.
    const lines = readFileSync(logPath, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as ChmodRecord);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Opens a path of any length, name by name, never through a symlink nor into a mount; undefined
 * where there is none.
 */
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
