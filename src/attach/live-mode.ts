import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { Errno, errno, errnoOf } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import type { DriverName } from '../fs/index.ts';
import { OWN_XATTR_PREFIX, type Store } from '../store/index.ts';
import { getXattr, O_PATH } from '../sys/index.ts';
import { type CloneOptions, cloneStaging } from './staging-mount.ts';

/**
 * How live files are shown: `attach`, by the kernel itself, as mounts of staging; `fuse`, through
 * the server; `auto`, the first where it is possible.
 */
export const LIVE_MODES = ['auto', 'attach', 'fuse'] as const;
export type LiveMode = (typeof LIVE_MODES)[number];

/** Which it is, and why, in words. */
export interface LiveChoice {
  readonly mode: 'attach' | 'fuse';
  readonly why: string;
}

/** Throws `usage` or `failed` where `attach` was asked for and is not possible. */
export function chooseLiveMode(
  store: Store,
  wanted: LiveMode,
  driver: DriverName,
  options: CloneOptions,
): LiveChoice {
  if (wanted === 'fuse') return { mode: 'fuse', why: 'as asked' };
  if (driver !== 'kernel') return withoutAttaching(wanted, `the driver '${driver}' cannot attach`);
  const obstacle = whyNotAttach(store, options);
  if (obstacle !== undefined) return withoutAttaching(wanted, obstacle);
  return { mode: 'attach', why: "the kernel shows each task's staging itself" };
}

function withoutAttaching(wanted: LiveMode, why: string): LiveChoice {
  if (wanted === 'auto') return { mode: 'fuse', why };
  throw new TaskfsError('failed', `cannot mount with --live attach: ${why}`, {
    hint: "'--live auto' shows live files through FUSE then.",
  });
}

/** Tries it, up to what a mount of this store would do with the staging of a task. */
function whyNotAttach(store: Store, options: CloneOptions): string | undefined {
  const staging = openSync(store.staging, O_PATH | constants.O_DIRECTORY);
  try {
    closeSync(cloneStaging(staging, options));
    accessSync(store.staging, constants.W_OK);
    getXattr(staging, `${OWN_XATTR_PREFIX}task`);
    return undefined;
  } catch (error) {
    return obstacleIn(error, options);
  } finally {
    closeSync(staging);
  }
}

function obstacleIn(error: unknown, { nosymfollow }: CloneOptions): string | undefined {
  switch (errnoOf(error)) {
    case errno.ENODATA:
      return undefined;
    case errno.EPERM:
      return 'attaching needs root (CAP_SYS_ADMIN)';
    case errno.ENOSYS:
      return 'attaching needs Linux 5.12';
    case errno.EROFS:
      return 'the store is read-only';
    case errno.EOPNOTSUPP:
      return "the file system of the store has no user.* attributes, which tell a task's status";
  }
  if (!(error instanceof Errno)) throw error;
  if (nosymfollow && error.errno === errno.EINVAL) return 'with --nosymfollow it needs Linux 5.14';
  return `the kernel refuses it (${error.code})`;
}
