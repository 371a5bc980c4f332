import { closeSync, constants, openSync, realpathSync, statSync } from 'node:fs';
import { reasonOf, TaskfsError, unlessNotFound } from '../errors.ts';
import {
  parseArtifactPath,
  pinInStaging,
  type Store,
  showPath,
  type TaskName,
  typeOfMode,
} from '../store/index.ts';
import { reopen, statFd } from '../sys/index.ts';

/** Where a copy goes, as it stands now. */
export interface Destination {
  /** For messages. */
  readonly shown: string;
  /** What is there; undefined where there is nothing. */
  readonly type: string | undefined;
  /** Whether it is written as a directory's name, with a slash at its end. */
  readonly isDirectoryName: boolean;
  /** Its last part. */
  readonly name: Buffer;
  /** Opens the directory that it is itself. The caller closes it. */
  openDirectory(): number;
  /** Opens the directory that it is in, or would be. The caller closes it. Throws `not-found`. */
  openParent(): number;
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/** A path of this machine; a link there is followed. */
export function localDestination(path: Buffer): Destination {
  const shown = showPath(path);
  const found = statSync(path, { throwIfNoEntry: false });
  const real = found ? realpathSync(path, { encoding: 'buffer' }) : withoutSlashes(path);
  const { directory, name } = splitPath(real);
  return {
    shown,
    type: found && typeOfMode(found.mode),
    isDirectoryName: endsInSlash(path),
    name,
    openDirectory: () => openLocal(real, shown),
    openParent: () => openLocal(directory, showPath(directory)),
  };
}

function openLocal(path: Buffer, shown: string): number {
  try {
    return openSync(path, DIRECTORY);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw noDirectory(shown);
    throw new TaskfsError('failed', `${shown} cannot be opened: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * A path in the files of a live task; links within them are followed. Throws `usage` where it leads
 * out, as its functions do.
 */
export function stagingDestination(store: Store, task: TaskName, path: Buffer): Destination {
  const relative = parseArtifactPath(task, path);
  const { directory, name } = splitPath(relative);
  const shown =
    relative.length === 0 ? `the top of task ${task}` : `'${showPath(path)}' of task ${task}`;
  return {
    shown,
    type: typeInStaging(store, task, relative),
    isDirectoryName: endsInSlash(path),
    name,
    openDirectory: () => openInStaging(store, task, relative),
    openParent: () => openInStaging(store, task, directory),
  };
}

function typeInStaging(store: Store, task: TaskName, path: Buffer): string | undefined {
  const pinned = unlessNotFound(() => pinInStaging(store, task, path));
  if (pinned === undefined) return undefined;
  try {
    return typeOfMode(statFd(pinned).mode);
  } finally {
    closeSync(pinned);
  }
}

function openInStaging(store: Store, task: TaskName, path: Buffer): number {
  const pinned = pinInStaging(store, task, path);
  try {
    return reopen(pinned, DIRECTORY);
  } finally {
    closeSync(pinned);
  }
}

export const noDirectory = (shown: string): TaskfsError =>
  new TaskfsError('not-found', `there is no directory ${shown}`, {
    hint: 'Make it first, or copy to another place.',
  });

const SLASH = 0x2f;
const endsInSlash = (path: Buffer): boolean => path.at(-1) === SLASH;

function withoutSlashes(path: Buffer): Buffer {
  let end = path.length;
  while (end > 1 && path[end - 1] === SLASH) end -= 1;
  return path.subarray(0, end);
}

/** A path's directory and its last part; the directory of a single name is the current one. */
export function splitPath(path: Buffer): { readonly directory: Buffer; readonly name: Buffer } {
  const slash = path.lastIndexOf(SLASH);
  const name = path.subarray(slash + 1);
  if (slash < 0) return { directory: Buffer.from('.'), name };
  return { directory: path.subarray(0, Math.max(1, slash)), name };
}
