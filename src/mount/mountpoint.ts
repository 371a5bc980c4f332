import { mkdirSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf, TaskfsError } from '../errors.ts';
import { decodeBytes, encodeText } from '../process/index.ts';
import { absolutePath, absoluteTextPath, type Store } from '../store/index.ts';
import { detach } from './detach.ts';
import { probeMount } from './liveness.ts';
import { type TaskfsMount, taskfsMountAt } from './mountinfo.ts';

/**
 * Makes a mount point ready for a store and returns its canonical path: an empty directory outside of
 * the store, on which no taskfs is mounted. Made where only it is missing; what a killed server left
 * behind is cleaned up. Throws `usage` with the reason.
 */
export async function prepareMountpoint(store: Store, path: string): Promise<string> {
  const named = locate(path);
  assertOutside(store, named);
  await clearMount(named);
  const canonical = directoryAt(named, path);
  assertEmpty(canonical);
  return canonical;
}

/** A server whose mount lies within the store that it shows would wait for itself. */
function assertOutside(store: Store, mountpoint: string): void {
  if (!mountpoint.startsWith(join(realpathSync(store.path), '/'))) return;
  throw new TaskfsError('usage', `the mount point ${mountpoint} lies in the store ${store.path}`, {
    hint: 'Give an empty directory elsewhere.',
  });
}

/** As many links in a row as the kernel follows. */
const MOST_LINKS = 40;

/**
 * The canonical path of a mount point, the symlinks that lead there followed, found without touching
 * what may be mounted on it. Throws `usage`, also where it is not UTF-8.
 */
export function locate(path: string): string {
  let place = absolutePath(path);
  try {
    for (let links = 0; links < MOST_LINKS && place !== '/'; links++) {
      const directory = canonicalPath(dirname(place));
      const named = join(directory, basename(place));
      const target = targetOf(named);
      if (target === undefined) return absoluteTextPath(named, 'the mount point');
      place = resolve(directory, target);
    }
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw unusable(path, cause);
  }
  return place;
}

/** realpath(3), as text of `decodeBytes`. */
const canonicalPath = (path: string): string =>
  decodeBytes(realpathSync.native(encodeText(path), { encoding: 'buffer' }));

/** Where a symlink leads. To ask that of a directory puts no question to its file system. */
function targetOf(path: string): string | undefined {
  try {
    return decodeBytes(readlinkSync(encodeText(path), { encoding: 'buffer' }));
  } catch {
    return undefined;
  }
}

async function clearMount(mountpoint: string): Promise<void> {
  for (let mount = taskfsMountAt(mountpoint); mount; mount = taskfsMountAt(mountpoint)) {
    if ((await probeMount(mountpoint)) !== 'dead') throw alreadyMounted(mount);
    await detach(mountpoint);
  }
}

function alreadyMounted({ mountpoint, store }: TaskfsMount): TaskfsError {
  return new TaskfsError('usage', `${mountpoint} is mounted already; it shows the store ${store}`, {
    hint: `'taskfs unmount ${mountpoint}' takes it away.`,
  });
}

function directoryAt(named: string, path: string): string {
  try {
    makeDirectory(named);
    const canonical = absoluteTextPath(canonicalPath(named), 'the mount point');
    if (statSync(canonical).isDirectory()) return canonical;
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw unusable(path, cause);
  }
  throw new TaskfsError('usage', `the mount point ${path} is not a directory`, {
    hint: 'Give an empty directory.',
  });
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  }
}

function unusable(path: string, cause: unknown): TaskfsError {
  if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
    return new TaskfsError('usage', `the directory of the mount point ${path} does not exist`, {
      hint: `'mkdir -p ${path}' makes both.`,
      cause,
    });
  }
  return new TaskfsError('usage', `the mount point ${path} cannot be used: ${messageOf(cause)}`, {
    cause,
  });
}

function assertEmpty(path: string): void {
  const [first] = namesIn(path);
  if (first === undefined) return;
  throw new TaskfsError('usage', `the mount point ${path} is not empty (it holds '${first}')`, {
    hint: 'Give an empty directory: a mount would hide what is in there.',
  });
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    throw unusable(path, cause);
  }
}
