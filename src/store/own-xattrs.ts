import { latin1Of } from '../latin1.ts';

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
