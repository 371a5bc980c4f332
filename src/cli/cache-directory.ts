import { lstatSync, mkdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Where Node keeps the compiled code of taskfs, made where it is missing; undefined where that
 * would not be safe. Code is executed as it is found there, so every directory up to it must be
 * ours or root's and no one else's to write, and HOME our own: sudo and su may keep that of
 * another user.
 */
export function cacheDirectory(): string | undefined {
  try {
    const home = process.env.HOME ?? homedir();
    if (!isAbsolute(home) || statSync(home).uid !== process.geteuid?.()) return undefined;
    const named = process.env.XDG_CACHE_HOME ?? '';
    const directory = join(isAbsolute(named) ? named : join(home, '.cache'), 'taskfs', 'compiled');
    return makeSafely(directory) && makeSafely(realpathSync(directory)) ? directory : undefined;
  } catch {
    // Without a cache it works too.
    return undefined;
  }
}

/** Makes what is missing of a path; false at the first part that somebody else could exchange. */
function makeSafely(path: string): boolean {
  let here = '/';
  for (const part of path.split('/')) {
    here = join(here, part);
    const stat = lstatSync(here, { throwIfNoEntry: false });
    if (!stat) mkdirSync(here, { mode: 0o700 });
    else if (!isSafe(stat)) return false;
  }
  return true;
}

/**
 * Root's links lead to what is looked at too; in a sticky directory, as /tmp, nobody exchanges
 * what is ours.
 */
function isSafe(stat: Stats): boolean {
  if (stat.isSymbolicLink()) return stat.uid === 0;
  const isOurs = stat.uid === 0 || stat.uid === process.geteuid?.();
  const isClosed = (stat.mode & WRITABLE_BY_OTHERS) === 0 || (stat.mode & STICKY) !== 0;
  return stat.isDirectory() && isOurs && isClosed;
}
