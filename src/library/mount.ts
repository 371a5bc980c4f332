import type { Grouping, MountView } from '../fs/index.ts';
import { unmount } from '../mount/index.ts';
import { recover } from '../runner/index.ts';
import { mountInBackground } from '../server/index.ts';
import type { Store } from './store.ts';

/** Options of `mount`, as those of the command. */
export interface MountOptions {
  /** Refuses changes. */
  readonly readOnly?: boolean;
  /** Other users may enter, as far as modes let them. */
  readonly allowOther?: boolean;
  /** Follows no symlinks: for tasks that are not trusted. */
  readonly nosymfollow?: boolean;
  /** Only the tasks that fulfil each of these conditions. */
  readonly view?: MountView;
  /** Puts the tasks of archive/ into a directory for each day on which some ended. */
  readonly group?: Grouping;
  /** Goes when nobody has used it for so long. */
  readonly idleTimeoutMs?: number;
}

/** A mount of a store, served by a process of its own: it outlives this one if nobody unmounts. */
export interface Mount extends AsyncDisposable {
  readonly mountpoint: string;
  /** The process that serves it. */
  readonly pid: number;
  /** What a person should know of it. */
  readonly notes: readonly string[];
  unmount(): Promise<void>;
}

/**
 * Mounts a store on an empty directory, and finishes what was interrupted in it, as the command
 * does; resolves when the mount answers. `await using` unmounts it at the end of the block. Throws
 * TaskfsError `usage`, `failed`.
 */
export async function mount(
  store: Store,
  directory: string,
  options: MountOptions = {},
): Promise<Mount> {
  await recover(store.paths, { scope: 'unfinished' });
  const identities = store.isNamed ? { identities: await store.identities() } : {};
  const how = { ...options, ...identities };
  const { mountpoint, pid, notes } = await mountInBackground(store.paths, directory, how);
  const end = async (): Promise<void> => {
    await unmount(mountpoint);
  };
  return { mountpoint, pid, notes, unmount: end, [Symbol.asyncDispose]: end };
}
