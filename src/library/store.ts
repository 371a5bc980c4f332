import { matches, type Selector } from '../retention/index.ts';
import { type TaskView, viewTasks } from '../runner/index.ts';
import {
  createStore,
  ensureKeys,
  hasKeys,
  loadIdentities,
  openStore as openExisting,
  type Store as StorePaths,
  storeExists,
  storePath,
} from '../store/index.ts';

export interface StoreOptions {
  /** Its directory; else `$TASKFS_STORE`, else the user's data directory, as of the command. */
  readonly path?: string;
  /** Makes it, and keys for it, where there is none; true by default. */
  readonly create?: boolean;
  /** A file with age identities to open archives with; else `$TASKFS_IDENTITY`, else its own. */
  readonly identity?: string;
  /** Asks for the passphrase of an identity file that has one; without, such a file is refused. */
  readonly passphrase?: (file: string) => string | undefined | Promise<string | undefined>;
}

/** A store that was opened, and how its archives are. */
export interface Store {
  readonly path: string;
  /** Where its parts lie: for the functions of this library. */
  readonly paths: StorePaths;
  /** The identities that open its archives; asked for again each time one is opened. */
  readonly identities: () => Promise<readonly string[]>;
  /** Whether these are others than its own, or protected: the server of a mount is given them. */
  readonly isNamed: boolean;
}

/**
 * Opens a store, and makes it where there is none. No recovery identity is made, as it could not
 * be shown to anybody: `taskfs key recovery` makes one. Throws TaskfsError `not-found`, `usage`
 * where the place is not safe or somebody else's, `failed`.
 */
export async function openStore(options: StoreOptions = {}): Promise<Store> {
  const { create = true, identity, passphrase } = options;
  const path = storePath(options.path);
  const paths = create && !storeExists(path) ? createStore(path) : openExisting(path);
  if (create && !hasKeys(paths)) await ensureKeys(paths);
  return {
    path,
    paths,
    identities: () => loadIdentities(paths, { file: identity, passphrase }),
    isNamed: identity !== undefined || passphrase !== undefined,
  };
}

/**
 * All tasks of a store, or those that a selector names, oldest first; those whose record cannot be
 * read are left out.
 */
export function listTasks(store: Store, select: Selector = {}): TaskView[] {
  return viewTasks(store.paths).tasks.filter((task) => matches(select, task));
}

/**
 * Verifies all archives, as `taskfs verify` does; every byte of them with `deep`. What is wrong is
 * returned.
 */
export async function verify(
  store: Store,
  { deep = false }: { readonly deep?: boolean } = {},
): Promise<
  readonly { readonly kind: string; readonly task: string | null; readonly message: string }[]
> {
  const { verifyArchives } = await import('../archive/verify/index.ts');
  const identities = deep ? await store.identities() : [];
  const { findings } = await verifyArchives(store.paths, { deep, identities });
  return findings.map(({ kind, task, message }) => ({ kind, task: task ?? null, message }));
}
