import { TaskfsError } from '../errors.ts';
import { abort, abortConnections, assertShown, detach } from './detach.ts';
import { probeMount } from './liveness.ts';
import {
  allMounts,
  isTaskfs,
  type MountEntry,
  type TaskfsMount,
  taskfsMountAt,
} from './mountinfo.ts';
import { locate } from './mountpoint.ts';
import { unmountDirectory } from './unmount-directory.ts';

/**
 * Takes away the mount on a directory, dead and hung ones too. Throws `usage` where no taskfs is
 * mounted there, `failed` where somebody uses it.
 */
export async function unmount(path: string): Promise<void> {
  const mountpoint = locate(path);
  const mount = taskfsMountAt(mountpoint);
  if (!mount) throw notOurs(mountpoint, path);
  const liveness = await probeMount(mountpoint);
  if (liveness === 'alive') return unmountWhole(mount);
  if (liveness === 'hung') abortConnections(mount);
  await detach(mountpoint);
}

function notOurs(mountpoint: string, path: string): TaskfsError {
  const top = allMounts().findLast((entry) => entry.mountpoint === mountpoint);
  if (top?.owner === undefined || !isTaskfs(top)) {
    return new TaskfsError('usage', `no taskfs is mounted on ${path}`, {
      hint: "'taskfs doctor' lists the mounts that are there.",
    });
  }
  return new TaskfsError('usage', `the mount on ${path} is another user's (id ${top.owner})`, {
    hint: `It goes when that user calls 'taskfs unmount'. Root has 'umount ${mountpoint}'.`,
  });
}

/** The inner one first. Where only the outer one is in use it stays, and serves archive/ as well. */
async function unmountWhole({ mountpoint, archive }: TaskfsMount): Promise<void> {
  assertShown(mountpoint);
  if (archive) await unmountArchive(archive);
  await unmountDirectory(mountpoint);
}

async function unmountArchive({ mountpoint, minor }: MountEntry): Promise<void> {
  const liveness = await probeMount(mountpoint);
  if (liveness === 'alive') return unmountDirectory(mountpoint);
  if (liveness === 'hung') abort(minor);
  await detach(mountpoint);
}
