import { randomBytes } from 'node:crypto';
import { closeSync, constants } from 'node:fs';
import { unlessRefused } from '../errno.ts';
import { openAt, unlinkAt } from '../sys/index.ts';

/** The flags of open(2) for a file that is made, and was not there. */
export const NEW_FILE =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Before the name of what is not whole; who is killed leaves it behind. */
const PREFIX = '.taskfs-';

/** A name for something that gets its own once it is whole. */
export const temporaryName = (): Buffer =>
  Buffer.from(`${PREFIX}${randomBytes(8).toString('hex')}`);

export const isTemporaryName = (name: Buffer): boolean =>
  name.toString('latin1').startsWith(PREFIX);

/** Marks an open directory as one in which something is missing yet, by an empty file. */
export function markUnfinished(directory: number): Disposable {
  const name = temporaryName();
  closeSync(openAt(directory, name, NEW_FILE, 0o600));
  return { [Symbol.dispose]: () => void unlessRefused(() => unlinkAt(directory, name)) };
}
