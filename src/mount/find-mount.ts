import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { errno, errnoOf } from '../errno.ts';
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
  const top = join(mountpoint, part, task);
  try {
    await lstat(top);
    return top;
  } catch (error) {
    if (GONE.includes(errnoOf(error))) return undefined;
    throw error;
  }
}

/** The mount may have gone meanwhile. */
const GONE: readonly number[] = [errno.ENOENT, errno.ENOTCONN, errno.ECONNABORTED];
