import { sizesOfTasks, type TaskSizes } from '../artifacts/index.ts';
import { TaskfsError } from '../errors.ts';
import { type Decision, matches, type Policy, type Selector } from '../retention/index.ts';
import {
  planPrune,
  type Recovery,
  recover as recoverAll,
  removeEnded,
  type StoreFacts,
  storeFacts,
  type TaskView,
  viewTasks,
} from '../runner/index.ts';
import {
  createStore,
  ensureKeys,
  hasKeys,
  loadIdentities,
  loadOwnIdentities,
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
  /** The store's own, and those that were named besides, if any. */
  readonly ownIdentities: () => Promise<readonly string[]>;
  readonly otherIdentities: () => Promise<readonly string[]>;
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
  const identities = () => loadIdentities(paths, { file: identity, passphrase });
  const isOther = (identity ?? process.env.TASKFS_IDENTITY) !== undefined;
  return {
    path,
    paths,
    identities,
    ownIdentities: () => loadOwnIdentities(paths, passphrase),
    otherIdentities: async () => (isOther ? identities() : []),
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

/** What is in a store, and how it is set up, as `taskfs info --json` prints it. */
export function info(store: Store): StoreFacts {
  return storeFacts(store.paths);
}

/** What tasks take of the disk, all of them or those that a selector names, the largest first. */
export async function taskSizes(store: Store, select: Selector = {}): Promise<TaskSizes[]> {
  return sizesOfTasks(store.paths, listTasks(store, select));
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

/**
 * Finishes what was interrupted, also by a restart of the machine: tasks whose supervisor died are
 * followed again, queued again, or ended and sealed. Returns what was done with each.
 */
export async function recover(store: Store): Promise<readonly Recovery[]> {
  return recoverAll(store.paths, { scope: 'all' });
}

export interface PruneOptions {
  /** What to keep; the store's own policy by default. */
  readonly policy?: Policy;
  /** The tasks that it is about; all sealed ones by default. */
  readonly select?: Selector;
  /** Removes nothing. */
  readonly dryRun?: boolean;
}

/** What became of sealed tasks. */
export interface Pruned {
  /** The oldest seal first. */
  readonly decisions: readonly Decision[];
  readonly removed: readonly string[];
  /** Those that were to be removed and could not be. */
  readonly failed: readonly { readonly task: string; readonly error: TaskfsError }[];
}

/**
 * Removes the sealed tasks that a policy does not keep; live, kept and pinned ones stay. Throws
 * TaskfsError `usage` where there is no policy.
 */
export async function prune(
  store: Store,
  { policy, select, dryRun = false }: PruneOptions = {},
): Promise<Pruned> {
  const decisions = planPrune(store.paths, policy, select);
  const removed: string[] = [];
  const failed: { task: string; error: TaskfsError }[] = [];
  for (const { task } of decisions.filter(({ keep }) => !keep && !dryRun)) {
    try {
      await removeEnded(store.paths, task);
      removed.push(task);
    } catch (error) {
      if (!(error instanceof TaskfsError)) throw error;
      failed.push({ task, error });
    }
  }
  return { decisions, removed, failed };
}
