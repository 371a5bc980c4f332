import { join } from 'node:path';
import { probeMount } from './liveness.ts';
import { type TaskfsMount, taskfsMounts } from './mountinfo.ts';

/** A mount of the store at this path that answers. */
export async function findMount(store: string): Promise<TaskfsMount | undefined> {
  for (const mount of taskfsMounts()) {
    if (mount.store === store && (await probeMount(mount.mountpoint)) === 'alive') return mount;
  }
  return undefined;
}

/** Where a mount shows a path within a task's files; raw bytes. */
export function pathInMount(
  { mountpoint }: TaskfsMount,
  part: 'live' | 'archive',
  task: string,
  relative: Buffer,
): Buffer {
  const top = Buffer.from(join(mountpoint, part, task));
  return relative.length === 0 ? top : Buffer.concat([top, Buffer.from('/'), relative]);
}
