import { MAX_NAME } from '../limits.ts';

/**
 * What an index or a tar may say of names. Neither is trusted: whoever makes files of what is read here,
 * or hands it to the kernel, must not be led out of a directory.
 */

const SLASH = 0x2f;
const DOT = 0x2e;

/** Whether it can be the name of something in a directory. */
export function isEntryName(name: Uint8Array): boolean {
  const { length } = name;
  if (length === 0 || length > MAX_NAME) return false;
  if (name[0] === DOT && (length === 1 || (length === 2 && name[1] === DOT))) return false;
  return !name.includes(SLASH) && !name.includes(0);
}

/** As much as a symlink holds. */
const MAX_TARGET = 4095;

/** Whether a symlink can point there. It may lead anywhere: it is not followed. */
export const isLinkTarget = (target: Buffer): boolean =>
  target.length > 0 && target.length <= MAX_TARGET && !target.includes(0);

const USER = Buffer.from('user.');

/** Whether it is the name of a `user.*` attribute: all others say something to the kernel. */
export const isUserXattr = (name: Buffer): boolean =>
  name.length > USER.length &&
  name.length <= MAX_NAME &&
  !name.includes(0) &&
  name.subarray(0, USER.length).equals(USER);
