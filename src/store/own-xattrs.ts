import { closeSync, constants, openSync } from 'node:fs';
import { latin1Of } from '../latin1.ts';
import { O_PATH, setXattr } from '../sys/index.ts';
import type { Status } from './status.ts';

type Xattr = readonly [name: Buffer, value: Buffer];

/**
 * Extended attributes under this prefix are what a mount itself says about a task. Where a file
 * carries some along, as a copy out of a mount does, they would answer for another task: they are
 * not kept.
 */
export const OWN_XATTR_PREFIX = 'user.taskfs.';

export const isOwnXattr = (name: Uint8Array): boolean =>
  latin1Of(name).startsWith(OWN_XATTR_PREFIX);

/** A file's attributes without those that only a mount may have. */
export const withoutOwnXattrs = (xattrs: readonly Xattr[]): readonly Xattr[] =>
  xattrs.filter(([name]) => !isOwnXattr(name));

const XATTR_REPLACE = 2;

/**
 * Changes the status of a task where a mount shows it on the staging directory itself
 * (src/attach/); nothing else does.
 */
export function replaceShownStatus(staging: string, status: Status): void {
  try {
    const fd = openSync(staging, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      setXattr(fd, `${OWN_XATTR_PREFIX}status`, Buffer.from(status), XATTR_REPLACE);
    } finally {
      closeSync(fd);
    }
  } catch {
    // No mount shows it there, or its file system has no such attributes.
  }
}
