import { existsSync, statfsSync } from 'node:fs';
import { explain } from '../errors.ts';
import { latin1Of } from '../latin1.ts';
import { taskfsMounts } from '../mount/index.ts';
import { showBytes } from '../quantities.ts';
import { isInterrupted, lockWarning, removalsCutShort, viewTasks } from '../runner/index.ts';
import {
  assertNothingSealed,
  hasKeys,
  keyPaths,
  listLeaving,
  listLeftEdits,
  listRecipients,
  type Store,
  type TaskName,
} from '../store/index.ts';
import { bad, type Finding, good, note, valueOrFinding } from './finding.ts';
import { listThumbnails, removeThumbnails, type Thumbnail } from './thumbnails.ts';

/**
 * Checks a store: its locks, its place on the disk, its keys, its tasks, what is left of them, and
 * thumbnails, which it may remove.
 */
export function checkStore(store: Store, removesThumbnails: boolean): Finding[] {
  return [
    ...checkLocks(store),
    checkSpace(store),
    ...checkKeys(store),
    ...checkTasks(store),
    ...checkEdits(store),
    ...checkThumbnails(store, removesThumbnails),
  ];
}

function checkLocks(store: Store): Finding[] {
  const warning = lockWarning(store);
  return warning === undefined ? [] : [note('locks', warning)];
}

/** Sealing needs about as much as the files take, once more. */
const LITTLE_SPACE = 1024 ** 3;

function checkSpace(store: Store): Finding {
  const { bavail, bsize } = statfsSync(store.path);
  const free = bavail * bsize;
  const says = `${showBytes(free)} free for the store`;
  return free < LITTLE_SPACE
    ? note('space', `${says}: sealing needs as much as the files take`)
    : good('space', says);
}

function checkKeys(store: Store): Finding[] {
  const found = valueOrFinding('keys', () => describeKeys(store));
  return Array.isArray(found) ? found : [found];
}

function describeKeys(store: Store): Finding[] {
  if (!hasKeys(store)) {
    assertNothingSealed(store);
    return [bad('keys', "there are none: nothing can be sealed. 'taskfs init' creates them")];
  }
  if (existsSync(keyPaths(store).identity)) {
    return [
      good('keys', 'this machine seals and reads'),
      ...checkRecovery(store),
      ...checkLeaving(store),
    ];
  }
  return [
    note('keys', 'this machine seals, and reads only with --identity or TASKFS_IDENTITY'),
    ...checkLeaving(store),
  ];
}

/** A change of keys that has not reached every archive. */
function checkLeaving(store: Store): Finding[] {
  const labels = listLeaving(store).map(({ label }) => `'${label}'`);
  if (labels.length === 0) return [];
  return [
    note(
      'keys',
      `archives may still open for what was ${labels.join(', ')}: their keys were not all ` +
        "rewritten; the same call of 'taskfs key' completes that",
    ),
  ];
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
  const views = valueOrFinding('tasks', () => viewTasks(store));
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
  const checked = valueOrFinding('thumbnails', () => {
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
