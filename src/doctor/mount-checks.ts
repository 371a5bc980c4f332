import { explain } from '../errors.ts';
import {
  detach,
  type Liveness,
  mountAt,
  probeMount,
  readLiveMode,
  type TaskfsMount,
  taskfsMounts,
} from '../mount/index.ts';
import { bad, type Finding, good, note } from './finding.ts';

/** Checks the user's mounts of the store at a path, and unmounts those whose server is dead. */
export async function checkMounts(path: string): Promise<Finding[]> {
  const all = taskfsMounts();
  const mounts = all.filter(({ store }) => store === path);
  const others = new Set(all.map(({ store }) => store).filter((store) => store !== path));
  const found = (await Promise.all(mounts.map(checkMount))).flat();
  return [
    ...(mounts.length > 0 ? found : [note('mounts', 'there are none of this store')]),
    ...describeOthers([...others]),
  ];
}

/** They are not touched: what becomes of them is for whoever uses that store. */
function describeOthers([store, ...more]: readonly string[]): Finding[] {
  if (store === undefined) return [];
  const others = more.length === 0 ? '' : ` and those of ${more.length} other stores`;
  const says = `mounts of ${store}${others} were not checked; 'taskfs doctor --store DIR' does`;
  return [good('other mounts', says)];
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
    const isGone = mountAt(mountpoint) === undefined;
    return isGone ? note(what, 'its server was dead, and it is gone') : bad(what, explain(error));
  }
}
