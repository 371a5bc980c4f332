import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { messageOf, TaskfsError } from '../../store/index.ts';
import { MNT_DETACH, UMOUNT_NOFOLLOW, unmountFrom } from '../../sys/mount.ts';
import type { TaskfsMount } from './mountinfo.ts';

/**
 * Takes a mount away, with what is mounted in it, whoever still uses it, without touching it: for
 * mounts whose server is dead or hung. As root, or as the plain user whose mount it is.
 */
export async function detach(mountpoint: string): Promise<void> {
  try {
    if (process.geteuid?.() === 0) unmountFrom(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW);
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
