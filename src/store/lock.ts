import { closeSync, constants, openSync } from 'node:fs';
import { tryLock } from '../sys/flock.ts';

/** A held flock. The kernel drops it when this process ends, however it ends. */
export interface Lock extends Disposable {
  release(): void;
}

/** Takes a lock file at once, or returns undefined where another process holds it. */
export function takeLock(
  path: string,
  kind: 'shared' | 'exclusive' = 'exclusive',
): Lock | undefined {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  if (tryLock(fd, kind)) {
    const release = once(() => closeSync(fd));
    return { release, [Symbol.dispose]: release };
  }
  closeSync(fd);
  return undefined;
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}

/** Whether somebody holds the lock now. */
export function isLocked(path: string): boolean {
  const lock = takeLock(path, 'shared');
  lock?.release();
  return lock === undefined;
}
