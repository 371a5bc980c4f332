import { TaskfsError } from '../../store/index.ts';
import { unmountDirectory } from '../kernel/unmount.ts';
import { abort, abortConnections, detach } from './detach.ts';
import { probeMount } from './liveness.ts';
import { type MountEntry, type TaskfsMount, taskfsMountAt } from './mountinfo.ts';
import { locate } from './mountpoint.ts';

/**
 * Takes away the mount on a directory, dead and hung ones too. Throws `usage` where no taskfs is
 * mounted there, `failed` where somebody uses it.
 */
export async function unmount(path: string): Promise<void> {
  const mountpoint = locate(path);
  const mount = taskfsMountAt(mountpoint);
  if (!mount) {
    throw new TaskfsError('usage', `no taskfs is mounted on ${path}`, {
      hint: "'taskfs doctor' lists the mounts that are there.",
    });
  }
  const liveness = await probeMount(mountpoint);
  if (liveness === 'alive') return unmountWhole(mount);
  if (liveness === 'hung') abortConnections(mount);
  await detach(mountpoint);
}

/** The inner one first. Where only the outer one is in use it stays, and serves archive/ as well. */
async function unmountWhole({ mountpoint, archive }: TaskfsMount): Promise<void> {
  if (archive) await unmountArchive(archive);
  await unmountDirectory(mountpoint);
}

async function unmountArchive({ mountpoint, minor }: MountEntry): Promise<void> {
  const liveness = await probeMount(mountpoint);
  if (liveness === 'alive') return unmountDirectory(mountpoint);
  if (liveness === 'hung') abort(minor);
  await detach(mountpoint);
}
