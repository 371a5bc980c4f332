import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { reasonOf, TaskfsError } from '../errors.ts';
import { isPlainText, rawVariable, showText, workingDirectory } from '../process/index.ts';

/** Paths as people give them: in arguments, in variables, relative to where they are. */

/**
 * An absolute path, as text of `decodeBytes`. Throws `usage` where it is empty, or relative to a
 * working directory that was removed or may not be seen.
 */
export function absolutePath(path: string): string {
  if (path === '') {
    throw new TaskfsError('usage', 'an empty path names no file and no directory', {
      hint: "Give one; '.' is the current directory.",
    });
  }
  return isAbsolute(path) ? resolve(path) : resolve(currentDirectory(path), path);
}

function currentDirectory(path: string): string {
  try {
    return workingDirectory();
  } catch (cause) {
    const isGone = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const why = isGone ? 'does not exist any more' : `cannot be found: ${reasonOf(cause)}`;
    const what = path === '.' ? 'the current directory' : `'${showText(path)}': its directory`;
    throw new TaskfsError('usage', `${what} ${why}`, {
      hint: 'Change to another directory, or give an absolute path.',
      cause,
    });
  }
}

/** The same for a path that must be UTF-8, as mounts and records need. Throws `usage`. */
export function absoluteTextPath(path: string, what: string): string {
  const absolute = absolutePath(path);
  if (isPlainText(absolute)) return absolute;
  throw new TaskfsError('usage', `${what} ${showText(absolute)} is not UTF-8`, {
    hint: 'Choose a directory whose path is UTF-8.',
  });
}

/**
 * Where the user's data lies: $XDG_DATA_HOME if it is absolute, as its specification has it.
 * Throws as `homeDirectory`.
 */
export function dataDirectory(): string {
  const named = rawVariable('XDG_DATA_HOME');
  return named !== undefined && isAbsolute(named)
    ? named
    : join(homeDirectory(), '.local', 'share');
}

/** The user's home directory. Throws `usage` where HOME is empty or relative. */
export function homeDirectory(): string {
  const home = rawVariable('HOME') ?? homedir();
  if (isAbsolute(home)) return home;
  const what = home === '' ? 'HOME is empty' : `HOME is '${showText(home)}', no absolute path`;
  throw new TaskfsError('usage', `${what}: there is no place for a store`, {
    hint: 'Set HOME, or name the store with --store or TASKFS_STORE.',
  });
}
