import { unmount } from '../mount/index.ts';
import { mountInBackground } from '../server/index.ts';
import type { Store } from './store.ts';

export interface MountOptions {
  /** Refuses changes. */
  readonly readOnly?: boolean;
  /** Other users may enter, as far as modes let them. */
  readonly allowOther?: boolean;
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
 * Mounts a store on an empty directory; resolves when the mount answers. `await using` unmounts it
 * at the end of the block. Throws TaskfsError `usage`, `failed`.
 */
export async function mount(
  store: Store,
  directory: string,
  { readOnly = false, allowOther = false }: MountOptions = {},
): Promise<Mount> {
  const identities = store.isNamed ? { identities: await store.identities() } : {};
  const how = { readOnly, allowOther, ...identities };
  const { mountpoint, pid, notes } = await mountInBackground(store.paths, directory, how);
  const end = async (): Promise<void> => {
    await unmount(mountpoint);
  };
  return { mountpoint, pid, notes, unmount: end, [Symbol.asyncDispose]: end };
}
