import { explain } from '../errors.ts';
import {
  allMounts,
  detach,
  type Liveness,
  probeMount,
  readLiveMode,
  type TaskfsMount,
  taskfsMounts,
} from '../mount/index.ts';
import { bad, type Finding, good, note } from './finding.ts';

/** Checks all mounts of the user, and unmounts those whose server is dead. */
export async function checkMounts(): Promise<Finding[]> {
  const mounts = taskfsMounts();
  if (mounts.length === 0) return [note('mounts', 'there are none')];
  return (await Promise.all(mounts.map(checkMount))).flat();
}

async function checkMount({ mountpoint, store, archive }: TaskfsMount): Promise<Finding[]> {
  const what = `mount ${mountpoint}`;
  const liveness = await probeMount(mountpoint);
  if (liveness !== 'alive') return [await unmountDead(what, mountpoint, liveness)];
  const live = await readLiveMode(mountpoint);
  const shows = `shows ${store}${live === undefined ? '' : `; live/ is shown by ${live}`}`;
  if (!archive) return [good(what, `${shows}; archive/ shares its connection with live/`)];
  const inner = await probeMount(archive.mountpoint);
  if (inner === 'alive') return [good(what, shows)];
  const finding = await unmountDead(`mount ${archive.mountpoint}`, archive.mountpoint, inner);
  return [good(what, shows), finding];
}

async function unmountDead(what: string, mountpoint: string, liveness: Liveness): Promise<Finding> {
  if (liveness === 'hung') {
    return bad(what, `its server does not answer; 'taskfs unmount ${mountpoint}' unmounts it`);
  }
  try {
    await detach(mountpoint);
    return note(what, 'its server was dead; it was unmounted');
  } catch (error) {
    const isGone = !allMounts().some((mount) => mount.mountpoint === mountpoint);
    return isGone ? note(what, 'its server was dead, and it is gone') : bad(what, explain(error));
  }
}
