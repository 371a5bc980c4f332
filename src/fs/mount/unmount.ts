import { TaskfsError } from '../../store/index.ts';
import { unmountDirectory } from '../kernel/unmount.ts';
import { abortConnection, detach } from './detach.ts';
import { probeMount } from './liveness.ts';
import { taskfsMountAt } from './mountinfo.ts';
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
  if (liveness === 'alive') return unmountDirectory(mountpoint);
  if (liveness === 'hung') abortConnection(mount);
  await detach(mountpoint);
}
