import { mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../errors.ts';
import { absoluteTextPath, type Store } from '../store/index.ts';
import { canonicalPath, locate, unusable } from './locate.ts';
import { type TaskfsMount, taskfsMountAt } from './mountinfo.ts';
import { probeMount } from './probe.ts';
import { detach } from './unmount.ts';

/**
 * Prepares a mount point for a store and returns its canonical path: an empty directory outside of
 * the store, on which no taskfs is mounted. It is made where only its last name is missing; the
 * mount of a killed server is removed. Throws `usage` with the reason.
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

async function clearMount(mountpoint: string): Promise<void> {
  for (let mount = taskfsMountAt(mountpoint); mount; mount = taskfsMountAt(mountpoint)) {
    if ((await probeMount(mountpoint)) !== 'dead') throw alreadyMounted(mount);
    await detach(mountpoint);
  }
}

function alreadyMounted({ mountpoint, store }: TaskfsMount): TaskfsError {
  return new TaskfsError('usage', `${mountpoint} is mounted already; it shows the store ${store}`, {
    hint: `'taskfs unmount ${mountpoint}' unmounts it.`,
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
