import { existsSync, statfsSync } from 'node:fs';
import { messageOf, TaskfsError } from '../errors.ts';
import { latin1Of } from '../latin1.ts';
import {
  allMounts,
  detach,
  type Liveness,
  probeMount,
  readLiveMode,
  type TaskfsMount,
  taskfsMounts,
} from '../mount/index.ts';
import { showBytes } from '../quantities.ts';
import { isInterrupted, lockWarning, removalsCutShort, viewTasks } from '../runner/index.ts';
import { assertCanMount, chooseLiveMode, DEFAULT_DRIVER } from '../server/index.ts';
import {
  hasKeys,
  keyPaths,
  listLeftEdits,
  listRecipients,
  openStore,
  type Store,
  storeExists,
  type TaskName,
} from '../store/index.ts';
import { commandsForEngine, commandsForMounting, commandsForOthers } from './root-commands.ts';
import { listThumbnails, removeThumbnails, type Thumbnail } from './thumbnails.ts';

/** The result of one check. */
export interface Finding {
  readonly verdict: 'good' | 'note' | 'bad';
  readonly what: string;
  readonly says: string;
  /** What the user may run to put it right. */
  readonly commands?: readonly string[];
}

/**
 * Checks everything that taskfs needs, and unmounts dead mounts. Throws nothing that it can
 * report.
 */
export async function runChecks(
  path: string,
  { thumbnails }: { readonly thumbnails: boolean },
): Promise<Finding[]> {
  const store = storeExists(path) ? finding('store', () => openStore(path)) : undefined;
  return [
    good('node', process.version),
    checkMounting(store && 'path' in store ? store : undefined),
    ...checkOthers(),
    checkStore(path, store),
    ...(store && 'path' in store
      ? [
          ...checkLocks(store),
          ...checkSpace(store),
          ...checkKeys(store),
          ...checkTasks(store),
          ...checkEdits(store),
          ...checkThumbnails(store, thumbnails),
        ]
      : []),
    ...(await checkMounts()),
    await checkEngine(),
  ];
}

const good = (what: string, says: string): Finding => ({ verdict: 'good', what, says });
const note = (what: string, says: string): Finding => ({ verdict: 'note', what, says });
const bad = (what: string, says: string): Finding => ({ verdict: 'bad', what, says });

/** What an action returns, or a finding that says why it failed. */
function finding<T>(what: string, action: () => T): T | Finding {
  try {
    return action();
  } catch (error) {
    return bad(what, explain(error));
  }
}

function explain(error: unknown): string {
  const hint = error instanceof TaskfsError ? error.hint : undefined;
  return hint === undefined ? messageOf(error) : `${messageOf(error)}. ${hint}`;
}

function checkMounting(store: Store | undefined): Finding {
  const checked = finding('mounting', () => {
    assertCanMount(DEFAULT_DRIVER);
    const live = store ? `; ${liveModeFor(store)}` : '';
    return good('mounting', `works, with the driver '${DEFAULT_DRIVER}'${live}`);
  });
  if (checked.verdict === 'good') return checked;
  return { ...checked, commands: commandsForMounting(checked.says) };
}

function checkOthers(): Finding[] {
  const commands = commandsForOthers();
  if (!commands) return [];
  return [{ ...note('others', 'only root may mount with --allow-other here'), commands }];
}

function liveModeFor(store: Store): string {
  const options = { readOnly: false, nosymfollow: false };
  const { mode, why } = chooseLiveMode(store, 'auto', DEFAULT_DRIVER, options);
  return `live/ is shown by ${mode}: ${why}`;
}

function checkStore(path: string, store: Store | Finding | undefined): Finding {
  if (store === undefined)
    return note('store', `there is none in ${path} yet; 'taskfs init' creates it`);
  return 'verdict' in store ? store : good('store', store.path);
}

function checkLocks(store: Store): Finding[] {
  const warning = lockWarning(store);
  return warning === undefined ? [] : [note('locks', warning)];
}

/** Sealing needs about as much as the files take, once more. */
const LITTLE_SPACE = 1024 ** 3;

function checkSpace(store: Store): Finding[] {
  const { bavail, bsize } = statfsSync(store.path);
  const free = bavail * bsize;
  const says = `${showBytes(free)} free for the store`;
  return [
    free < LITTLE_SPACE
      ? note('space', `${says}: sealing needs as much as the files take`)
      : good('space', says),
  ];
}

function checkKeys(store: Store): Finding[] {
  if (!hasKeys(store))
    return [bad('keys', "there are none: nothing can be sealed. 'taskfs init' creates them")];
  if (existsSync(keyPaths(store).identity)) {
    return [good('keys', 'this machine seals and reads'), ...checkRecovery(store)];
  }
  return [note('keys', 'this machine seals, and reads only with --identity or TASKFS_IDENTITY')];
}

/** Whoever added a recipient of their own has a second way in. */
function checkRecovery(store: Store): Finding[] {
  if (listRecipients(store).length > 1) return [];
  return [
    note(
      'recovery',
      "only the store's own identity opens its archives; 'taskfs key recovery' creates a second " +
        'one, to be kept elsewhere',
    ),
  ];
}

function checkTasks(store: Store): Finding[] {
  const views = finding('tasks', () => viewTasks(store));
  if ('verdict' in views) return [views];
  const { tasks, unreadable } = views;
  const unseen = unreadable.map(({ task, error }) => bad(`task ${task}`, explain(error)));
  const cutShort = removalsCutShort(store).map((task) =>
    note(`task ${task}`, "its removal was interrupted; 'taskfs recover' finishes it"),
  );
  const findings = tasks.flatMap((view) => {
    const { task, artifacts, sealError } = view;
    if (view.supervisorHost !== null)
      return [note(`task ${task}`, `is supervised on ${view.supervisorHost}: left alone`)];
    if (isInterrupted(view))
      return [note(`task ${task}`, `its supervisor is gone; 'taskfs recover' finishes it`)];
    if (artifacts === 'kept')
      return [bad(`task ${task}`, `was not sealed: ${sealError}. 'taskfs recover' tries again`)];
    if (view.plaintext)
      return [
        bad(`task ${task}`, `its plaintext is ${view.plaintext}. 'taskfs recover' tries again`),
      ];
    if (!view.unremoved) return [];
    return [
      note(`task ${task}`, `its engine still has its container; 'taskfs recover' tries again`),
    ];
  });
  const all = [...unseen, ...cutShort, ...findings];
  return all.length > 0 ? all : [good('tasks', `${tasks.length}, each in order`)];
}

/** Plaintext that only the user can judge. */
function checkEdits(store: Store): Finding[] {
  return listLeftEdits(store).map(({ task, path }) =>
    note(`task ${task}`, `an edit was not written back: move what you need out of ${path}`),
  );
}

/** Plaintext that the desktop's programs keep of what they have shown. */
function checkThumbnails(store: Store, removes: boolean): Finding[] {
  const checked = finding('thumbnails', () => {
    const found = oldThumbnails(store);
    if (removes) removeThumbnails(found);
    return found.length;
  });
  if (typeof checked !== 'number') return [checked];
  if (checked === 0) return [];
  const what = `${checked} of files that are not live any more`;
  if (removes) return [good('thumbnails', `${what} were removed`)];
  const how = "'taskfs doctor --thumbnails' removes them";
  return [note('thumbnails', `${what} are in your cache, in plaintext; ${how}`)];
}

/** Of this store's files, whose task is not live: sealed, or removed since. */
function oldThumbnails(store: Store): Thumbnail[] {
  const state = new Map(viewTasks(store).tasks.map(({ task, artifacts }) => [task, artifacts]));
  const places = taskfsMounts()
    .filter((mount) => mount.store === store.path)
    .map(({ mountpoint }) => latin1Of(Buffer.from(`${mountpoint}/`)));
  return listThumbnails().filter(({ file, tasks }) => {
    const states = tasks.map((task) => state.get(task as TaskName));
    const isOurs = states.some(Boolean) || places.some((place) => file.startsWith(place));
    return isOurs && !states.includes('live');
  });
}

async function checkMounts(): Promise<Finding[]> {
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

async function checkEngine(): Promise<Finding> {
  const { connect, findEndpoints } = await import('../runner/engines/docker/index.ts');
  let endpoints: ReturnType<typeof findEndpoints> = [];
  try {
    endpoints = findEndpoints();
    const { endpoint } = await connect(endpoints);
    return good('containers', `an engine answers at ${endpoint.host}`);
  } catch (error) {
    const found = note('containers', `tasks run as local processes only: ${explain(error)}`);
    const sockets = endpoints.map(({ host }) => host.replace(/^unix:\/\//, ''));
    return { ...found, commands: sockets.flatMap(commandsForEngine) };
  }
}
