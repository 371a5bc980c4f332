import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { unlessMissing } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { tryLock, waitLock } from '../sys/index.ts';

/** A held flock. The kernel drops it when this process ends, however it ends. */
export interface Lock extends Disposable {
  /** The open lock file: a child that inherits it holds the lock too. */
  readonly fd: number;
  release(): void;
}

/**
 * Takes a lock file at once, or returns undefined where another process holds it, or has removed it
 * meanwhile: a task's lock goes with the task, and may be that of another of its name by now.
 */
export function takeLock(
  path: string,
  kind: 'shared' | 'exclusive' = 'exclusive',
): Lock | undefined {
  const fd = openLockFile(path);
  if (tryLock(fd, kind) && fstatSync(fd).nlink > 0) return adoptLock(fd);
  closeSync(fd);
  return undefined;
}

/** Takes a lock file exclusively, blocking until it is free: for locks that are held briefly. */
export function takeLockBlocking(path: string): Lock {
  const fd = openLockFile(path);
  waitLock(fd);
  return adoptLock(fd);
}

/** A lock that is held already, through a descriptor inherited from the process that took it. */
export function adoptLock(fd: number): Lock {
  const release = once(() => closeSync(fd));
  return { fd, release, [Symbol.dispose]: release };
}

function openLockFile(path: string, access = constants.O_RDWR | constants.O_CREAT): number {
  const { O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = openSync(path, access | O_NOFOLLOW | O_NONBLOCK, 0o600);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new TaskfsError('damaged', `${path} is damaged: it is not a file`, {
    hint: 'Something else is in its place: move that away.',
  });
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}

/** Whether somebody holds the lock now. Writes nothing: a store may be read-only. */
export function isLocked(path: string): boolean {
  // Where there is none, nobody has ever taken it.
  const fd = unlessMissing(() => openLockFile(path, constants.O_RDONLY));
  if (fd === undefined) return false;
  try {
    // Whoever removed it meanwhile, as takeLock has it, held it.
    return !tryLock(fd, 'shared') || fstatSync(fd).nlink === 0;
  } finally {
    closeSync(fd);
  }
}
