import { sizesOfTasks, type TaskSizes } from '../artifacts/index.ts';
import { type Decision, matches, type Policy, type Selector } from '../retention/index.ts';
import {
  followEvents,
  planPrune,
  type Recovery,
  type Removals,
  recover as recoverAll,
  removeDecided,
  type StoreFacts,
  storeFacts,
  type TaskView,
  viewTasks,
} from '../runner/index.ts';
import {
  assertNothingSealed,
  createStore,
  ensureKeys,
  ensureSealingKeys,
  hasKeys,
  loadIdentities,
  loadOwnIdentities,
  openStore as openExisting,
  parseRecipient,
  type Store as StorePaths,
  storeExists,
  storePath,
  type TaskEvent,
} from '../store/index.ts';

/** Options of `openStore`. */
export interface StoreOptions {
  /** Its directory; else `$TASKFS_STORE`, else the user's data directory, as of the command. */
  readonly path?: string;
  /** Makes it, and keys for it, where there is none; true by default. */
  readonly create?: boolean;
  /** Who can open the archives of a new one, which then has no identity of its own: it seals. */
  readonly recipients?: readonly string[];
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
  const { create = true, recipients, identity, passphrase } = options;
  const path = storePath(options.path);
  const paths = create && !storeExists(path) ? createStore(path) : openExisting(path);
  if (create && !hasKeys(paths)) {
    assertNothingSealed(paths);
    await makeKeys(paths, recipients);
  }
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

async function makeKeys(
  store: StorePaths,
  recipients: readonly string[] | undefined,
): Promise<void> {
  if (!recipients) await ensureKeys(store);
  else ensureSealingKeys(store, await Promise.all(recipients.map(parseRecipient)));
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

/** The events of tasks, as they come. */
export interface EventsOptions {
  /** Only of the tasks that it names. */
  readonly select?: Selector;
  /** Those so far come first; true by default. */
  readonly past?: boolean;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/**
 * What happens to all tasks, or to those that a selector names, without an end: `signal`, or
 * leaving the loop, ends it.
 */
export function events(
  store: Store,
  { select, past = true, signal }: EventsOptions = {},
): AsyncIterable<TaskEvent> {
  return followEvents(store.paths, { select, fromStart: past, signal });
}

/**
 * Finishes what was interrupted, also by a restart of the machine: tasks whose supervisor died are
 * followed again, queued again, or ended and sealed. Returns what was done with each.
 */
export async function recover(store: Store): Promise<readonly Recovery[]> {
  return recoverAll(store.paths, { scope: 'all' });
}

/** Options of `prune`. */
export interface PruneOptions {
  /** What to keep; the store's own policy by default. */
  readonly policy?: Policy;
  /** The tasks that it is about; all sealed ones by default. */
  readonly select?: Selector;
  /** Removes nothing. */
  readonly dryRun?: boolean;
}

/** What became of sealed tasks: which are removed, and which were to be and could not be. */
export interface Pruned extends Removals {
  /** The oldest seal first. */
  readonly decisions: readonly Decision[];
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
  return { decisions, ...(await removeDecided(store.paths, dryRun ? [] : decisions)) };
}
