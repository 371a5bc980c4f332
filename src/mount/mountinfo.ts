import { basename, dirname, join } from 'node:path';
import type { Store } from '../store/index.ts';
import { taskOfStaging } from '../store/index.ts';
import { type Mount, readMountinfo } from '../sys/index.ts';

/** The file system type of our mounts, as mountinfo shows it: `fuse.` and the subtype. */
export const SUBTYPE = 'taskfs';

/** The subtype of the mount of archive/ inside of it; see src/fuse/driver.ts. */
export const ARCHIVE_SUBTYPE = `${SUBTYPE}-archive`;
/** Where that is, in the mount. */
export const ARCHIVE_DIRECTORY = 'archive';
/** Where tasks that run are, in the mount. */
export const LIVE_DIRECTORY = 'live';

/** The source (fsname) of a mount: which store it shows, without what splits mount options. */
export function mountSource(store: Store): string {
  return `${SUBTYPE}:${encodeURI(store.path).replaceAll(',', '%2C')}`;
}

/** The path of the store behind a mount's source, or undefined where the mount is none of ours. */
export function storeOfSource(source: string): string | undefined {
  const prefix = `${SUBTYPE}:`;
  if (!source.startsWith(prefix)) return undefined;
  try {
    return decodeURIComponent(source.slice(prefix.length));
  } catch {
    // Anybody may give a mount a source that begins as ours do.
    return undefined;
  }
}

/** A mount of this mount namespace, as far as it concerns us. */
export interface MountEntry {
  readonly id: number;
  /** The mount that this one is mounted in. */
  readonly parent: number;
  /** What of its file system it shows. */
  readonly root: string;
  readonly mountpoint: string;
  readonly type: string;
  readonly source: string;
  /**
   * The minor number of its device: the name of its FUSE connection in /sys/fs/fuse/connections.
   */
  readonly minor: number;
  /** What holds of this mount whatever its type: `ro`, `nosuid` and their like. */
  readonly options: readonly string[];
  /** Who mounted it, by the kernel's own field, of a FUSE mount. Type and source users choose. */
  readonly owner: number | undefined;
}

/** A mount of taskfs, alive or not. */
export interface TaskfsMount extends MountEntry {
  /** The path of the store that it shows. */
  readonly store: string;
  /** The connection of its own that archive/ has inside of it, where it has one. */
  readonly archive: MountEntry | undefined;
  /** Staging directories of live tasks that are mounted in live/ (src/attach/). */
  readonly attached: readonly MountEntry[];
}

/** Mounts as text, with the user who made each. */
export const entriesOf = (mounts: readonly Mount[]): MountEntry[] =>
  mounts.map(({ id, parent, root, mountpoint, type, source, minor, options, superOptions }) => ({
    id,
    parent,
    root: root.toString(),
    mountpoint: mountpoint.toString(),
    type,
    source: source.toString(),
    minor,
    options,
    owner: ownerIn(superOptions),
  }));

function ownerIn(superOptions: readonly string[]): number | undefined {
  const option = superOptions.find((one) => one.startsWith(OWNER));
  return option === undefined ? undefined : Number(option.slice(OWNER.length));
}

const OWNER = 'user_id=';

/** Every mount of this mount namespace. Touches none. */
export const allMounts = (): MountEntry[] => entriesOf(readMountinfo('self'));

/**
 * The mounts of taskfs that this user made, in this mount namespace; root's are those that root
 * made. Those of others do not count, since anybody's FUSE mount may claim our type and any store:
 * it is not asked for files, not touched and not unmounted.
 */
export function taskfsMounts(): TaskfsMount[] {
  const own = process.getuid?.();
  const all = allMounts();
  const entries = all.filter(({ owner }) => owner === own);
  return entries.flatMap((entry) => {
    if (!isTaskfs(entry)) return [];
    const store = storeOfSource(entry.source);
    if (store === undefined) return [];
    const inside = { archive: archiveIn(entry, entries), attached: attachedIn(entry, all) };
    return [{ ...entry, store, ...inside }];
  });
}

/** Whether a mount calls itself one of taskfs, whoever made it. */
export const isTaskfs = ({ type }: MountEntry): boolean => type === `fuse.${SUBTYPE}`;

function archiveIn(mount: MountEntry, entries: readonly MountEntry[]): MountEntry | undefined {
  const place = join(mount.mountpoint, ARCHIVE_DIRECTORY);
  return entries.findLast(
    ({ type, mountpoint }) => type === `fuse.${ARCHIVE_SUBTYPE}` && mountpoint === place,
  );
}

/** The staging directories that are mounted in live/, and over one another; lower ones first. */
export function attachedIn(mount: MountEntry, entries: readonly MountEntry[]): MountEntry[] {
  const live = join(mount.mountpoint, LIVE_DIRECTORY);
  const parents = new Set([mount.id]);
  return entries.filter((entry) => {
    const { id, parent, root, mountpoint } = entry;
    const isAttached =
      parents.has(parent) &&
      dirname(mountpoint) === live &&
      taskOfStaging(basename(root)) === basename(mountpoint);
    if (isAttached) parents.add(id);
    return isAttached;
  });
}

/** The topmost mount on a directory, given by its canonical path. */
export const mountAt = (directory: string): MountEntry | undefined =>
  allMounts().findLast(({ mountpoint }) => mountpoint === directory);

/** The mount of taskfs that this user made on a directory, given by its canonical path. */
export function taskfsMountAt(mountpoint: string): TaskfsMount | undefined {
  return taskfsMounts().findLast((mount) => mount.mountpoint === mountpoint);
}
