import { closeSync, constants, openSync } from 'node:fs';
import { basename, isAbsolute, join, posix } from 'node:path';
import { errno, errnoOf } from '../errno.ts';
import { reasonOf, TaskfsError } from '../errors.ts';
import { MountedBeneath, O_PATH, openAt, openAt2, openInMount, RESOLVE } from '../sys/index.ts';
import { type Store, taskPaths } from './paths.ts';
import { findStaging } from './set-aside.ts';
import type { TaskName } from './task-name.ts';

/**
 * A path that a user names within a task's artifacts, as raw bytes without needless parts; empty
 * for the top. Throws `usage` where it is absolute or climbs with `..`: such a path is refused as
 * it is written, wherever it would lead.
 */
export function parseArtifactPath(task: TaskName, path: Uint8Array | string): Buffer {
  // latin1 keeps each byte as one character, so that bytes which are no UTF-8 come back as they
  // were.
  const text = Buffer.from(path).toString('latin1');
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  if (isAbsolute(text)) throw refused(task, path, 'is absolute');
  if (parts.includes('..')) throw refused(task, path, "climbs with '..'");
  if (text.includes('\0')) throw refused(task, path, 'holds a NUL byte');
  return Buffer.from(parts.join(posix.sep), 'latin1');
}

function refused(task: TaskName, path: Uint8Array | string, why: string): TaskfsError {
  return new TaskfsError('usage', `'${showPath(path)}' ${why}`, {
    hint: `Give a path within the artifacts of task ${task}, as 'taskfs ls ${task}' shows it.`,
  });
}

/** Refuses a link, or a mount, that leads out of a task's artifacts. */
export function leadsOut(task: TaskName, path: Uint8Array | string): TaskfsError {
  const message = `'${showPath(path)}' leads out of the artifacts of task ${task}`;
  return new TaskfsError('usage', message, {
    hint: 'Links out of the artifacts, and what is mounted in them, are never followed.',
  });
}

export function noSuchArtifact(task: TaskName, path: Uint8Array | string): TaskfsError {
  return new TaskfsError('not-found', `task ${task} has no file '${showPath(path)}'`, {
    hint: `'taskfs ls ${task}' lists its files.`,
  });
}

/** A path in words for a person. */
export const showPath = (path: Uint8Array | string): string =>
  JSON.stringify(Buffer.from(path).toString()).slice(1, -1);

/** What to do with a path whose last part is a symbolic link. */
export type LastLink = 'follow' | 'keep';

const RULES = RESOLVE.BENEATH | RESOLVE.NO_MAGICLINKS | RESOLVE.NO_XDEV;

/**
 * Pins a path within a live task's staging directory: an O_PATH descriptor, so nothing is opened
 * yet and a pipe or device cannot block. The kernel resolves the path and refuses, while the task
 * moves things about, whatever would lead out: `..`, absolute paths, links, mounts. The caller
 * closes the descriptor. Throws `usage` (leads out), `not-found`, `failed`.
 */
export function pinInStaging(
  store: Store,
  task: TaskName,
  path: Uint8Array | string,
  lastLink: LastLink = 'follow',
): number {
  const relative = parseArtifactPath(task, path);
  const root = openStaging(store, task);
  const flags = lastLink === 'keep' ? O_PATH | constants.O_NOFOLLOW : O_PATH;
  try {
    const name = relative.length === 0 ? '.' : relative;
    return openAt2(root, name, flags, RULES);
  } catch (cause) {
    throw explain(task, path, cause);
  } finally {
    closeSync(root);
  }
}

/**
 * Makes a new file in a live task's staging directory and opens it for writing, never through a
 * link at its last part. The caller closes the descriptor. Throws as `pinInStaging`, EEXIST.
 */
export function createInStaging(
  store: Store,
  task: TaskName,
  path: Uint8Array,
  mode: number,
): number {
  const relative = parseArtifactPath(task, path).toString('latin1');
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const directory = pinInStaging(store, task, Buffer.from(posix.dirname(relative), 'latin1'));
  try {
    const name = Buffer.from(posix.basename(relative), 'latin1');
    return openAt(directory, name, O_WRONLY | O_CREAT | O_EXCL, mode);
  } finally {
    closeSync(directory);
  }
}

/** Opens the regular file that an O_PATH descriptor stands for, and nothing else, for reading. */
export function reopenForReading(pinned: number): number {
  return openSync(`/proc/self/fd/${pinned}`, constants.O_RDONLY | constants.O_NONBLOCK);
}

/**
 * The path on disk of a live task's file, within staging when checked. Throws as `pinInStaging`.
 */
export function stagingPath(store: Store, task: TaskName, path: Uint8Array | string): Buffer {
  closeSync(pinInStaging(store, task, path));
  const relative = parseArtifactPath(task, path);
  const paths = taskPaths(store, task);
  const staging = findStaging(paths) ?? paths.staging;
  return relative.length === 0
    ? Buffer.from(staging)
    : Buffer.concat([Buffer.from(join(staging, '/')), relative]);
}

function openStaging(store: Store, task: TaskName): number {
  const paths = taskPaths(store, task);
  const staging = findStaging(paths) ?? paths.staging;
  try {
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    const all = openSync(store.staging, O_RDONLY | O_DIRECTORY);
    try {
      return openInMount(all, basename(staging), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } finally {
      closeSync(all);
    }
  } catch (cause) {
    if (cause instanceof MountedBeneath) {
      throw new TaskfsError('failed', `${cause.message}, over the files of task ${task}`, {
        hint: 'Unmount it: what is mounted there is not of the task.',
        cause,
      });
    }
    // A task may do anything to its directory, also put a link to elsewhere in its place.
    if (errnoOf(cause) === errno.ENOTDIR) {
      throw new TaskfsError('failed', `${staging} of task ${task} is no directory any more`, {
        hint: 'Move away what the task put there; it is not followed if it is a link.',
        cause,
      });
    }
    if (errnoOf(cause) !== errno.ENOENT) throw cause;
    throw new TaskfsError('not-found', `task ${task} has no staging directory any more`, {
      hint: `'taskfs status ${task}' says where its files are.`,
      cause,
    });
  }
}

function explain(task: TaskName, path: Uint8Array | string, cause: unknown): TaskfsError {
  const number = errnoOf(cause);
  if (number === errno.EXDEV) return leadsOut(task, path);
  if (number === errno.ENOENT || number === errno.ENOTDIR) return noSuchArtifact(task, path);
  const why = number === errno.ELOOP ? 'too many links' : reasonOf(cause);
  return new TaskfsError('failed', `'${showPath(path)}' of task ${task} cannot be opened: ${why}`, {
    cause,
  });
}
