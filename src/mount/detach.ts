import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { messageOf, TaskfsError } from '../errors.ts';
import { MNT_DETACH, O_PATH, unmountFrom } from '../sys/index.ts';
import { type TaskfsMount, taskfsMounts } from './mountinfo.ts';

/**
 * Takes a mount away, with what is mounted in it, whoever still uses it, without touching it: for
 * mounts whose server is dead or hung. As root, or as the plain user whose mount it is.
 */
export async function detach(mountpoint: string): Promise<void> {
  try {
    if (process.geteuid?.() === 0) detachAsRoot(mountpoint);
    else await fusermount(['-uz', '--', mountpoint]);
  } catch (cause) {
    throw new TaskfsError(
      'failed',
      `cannot take away the dead mount on ${mountpoint}: ${messageOf(cause)}`,
      {
        hint: `'fusermount3 -uz ${mountpoint}', as the user who mounted it or as root, does it by hand.`,
        cause,
      },
    );
  }
}

/** By the descriptor of the very mount that was looked at: whatever the path leads to by then stays. */
function detachAsRoot(mountpoint: string): void {
  const fd = openOwn(mountpoint);
  try {
    unmountFrom(`/proc/self/fd/${fd}`, MNT_DETACH);
  } finally {
    closeSync(fd);
  }
}

/**
 * A descriptor of the mount that this user has on a directory, which says nothing to its server.
 * Throws where the path leads to another mount, as one that lies over it.
 */
function openOwn(mountpoint: string): number {
  const fd = openSync(mountpoint, O_PATH | constants.O_NOFOLLOW);
  const id = Number(/^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]);
  const own = taskfsMounts().flatMap((mount) => [mount, ...(mount.archive ? [mount.archive] : [])]);
  if (own.some((mount) => mount.id === id)) return fd;
  closeSync(fd);
  throw new TaskfsError('failed', `another mount lies over ${mountpoint}`, {
    hint: `'findmnt ${mountpoint}' shows it; it must go first.`,
  });
}

/** Throws where a directory shows another mount than one of this user's taskfs. */
export function assertShown(mountpoint: string): void {
  closeSync(openOwn(mountpoint));
}

function fusermount(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('fusermount3', args, (error, _stdout, stderr) => {
      if (error) reject(new Error(stderr.trim() || error.message));
      else resolve();
    });
  });
}

/** Ends a hung mount's connections: every call that waits on them fails at once. */
export function abortConnections({ minor, archive }: TaskfsMount): void {
  abort(minor);
  if (archive) abort(archive.minor);
}

/** Ends the connection of this number. */
export function abort(minor: number): void {
  try {
    writeFileSync(`/sys/fs/fuse/connections/${minor}/abort`, '1');
  } catch {
    // Without fusectl or the right to it, detaching is all that can be done.
  }
}
