import { closeSync, promises } from 'node:fs';
import { join } from 'node:path';
import { errno, errnoOf, unlessRefused } from '../errno.ts';
import { OWN_XATTR_PREFIX } from '../store/index.ts';
import { AT, getXattr, O_PATH, openAt } from '../sys/index.ts';
import { type TaskfsMount, taskfsMounts } from './mountinfo.ts';
import { probeMount } from './probe.ts';

/** A file as mounts show it. */
export interface ShownFile {
  readonly part: 'live' | 'archive';
  readonly task: string;
  /** Within the task's files; raw bytes, empty for their top. */
  readonly path: Buffer;
}

/**
 * The path of a file in a mount of the store at this path that shows its task and answers, raw
 * bytes; undefined where there is none: a mount may show some of the tasks only.
 */
export async function findInMounts(store: string, file: ShownFile): Promise<Buffer | undefined> {
  for (const mount of taskfsMounts()) {
    if (mount.store !== store || (await probeMount(mount.mountpoint)) !== 'alive') continue;
    const top = await topIn(mount, file);
    if (top === undefined) continue;
    const names = file.path.length === 0 ? [] : [Buffer.from('/'), file.path];
    return Buffer.concat([Buffer.from(top), ...names]);
  }
  return undefined;
}

/** The directory of the file's task. */
async function topIn(
  { mountpoint }: TaskfsMount,
  { part, task }: ShownFile,
): Promise<string | undefined> {
  const all = join(mountpoint, part);
  const top = join(all, task);
  try {
    if (part === 'archive' && DAY.test(task)) return await ofNameOfDay(all, task);
    const isLink = (await promises.lstat(top)).isSymbolicLink();
    return isLink ? join(all, await promises.readlink(top)) : top;
  } catch (error) {
    if (GONE.includes(errnoOf(error))) return undefined;
    throw error;
  }
}

/** What a directory of archive/ may be called in which tasks are grouped. */
const DAY = /^\d{4}-\d\d-\d\d$/;

/** A task whose name is that of a day is not found by it where tasks are grouped. */
async function ofNameOfDay(all: string, task: string): Promise<string | undefined> {
  if (taskOf(join(all, task)) === task) return join(all, task);
  const places = (await promises.readdir(all)).map((day) => join(all, day, task));
  return places.find((place) => taskOf(place) === task);
}

/** The task of which a directory is the top; undefined where it is none. */
function taskOf(directory: string): string | undefined {
  return unlessRefused(() => {
    const fd = openAt(AT.FDCWD, directory, O_PATH);
    try {
      return getXattr(fd, `${OWN_XATTR_PREFIX}task`).toString();
    } finally {
      closeSync(fd);
    }
  });
}

/** The mount may have gone meanwhile. */
const GONE: readonly number[] = [errno.ENOENT, errno.ENOTCONN, errno.ECONNABORTED];
