import { existsSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import { removeTemporaries } from '../files/index.ts';
import { forgetNames, putBack, type Store } from '../store/index.ts';
import { AT, MountedBeneath, NotRemovable, removeTree } from '../sys/index.ts';
import { dropReserve, withReserve } from './disk-reserve.ts';
import type { Journal } from './journal.ts';
import { leaveQueue } from './queue.ts';
import { dropWishes } from './requests.ts';
import { scratchDirectory } from './scratch.ts';

/**
 * Removes what a sealed task needs no more: its plaintext, and what its supervisor kept. Plaintext
 * that cannot be removed is no reason to call the task anything but sealed: the record says that it
 * is still there, and why; recovery tries again. Only for the holder of the task's lock.
 */
export async function removeRemains(
  store: Store,
  journal: Journal,
  say: ((words: string) => void) | undefined,
): Promise<void> {
  const { task } = journal.record;
  const { directory, record, events } = journal.paths;
  const left = await removePlaintext(store, journal);
  if (left !== undefined) {
    say?.(`task ${task} is sealed, but its plaintext is ${left}. 'taskfs recover' tries again.`);
  }
  for (const path of [record, events]) removeTemporaries(path);
  dropReserve(directory);
  dropWishes(directory);
  leaveQueue(store, task);
}

/** Returns what is left of it, and why, as the record says it; undefined where nothing is. */
async function removePlaintext(store: Store, journal: Journal): Promise<string | undefined> {
  const { task, plaintext = null } = journal.record;
  const seal = await import('../archive/write/index.ts');
  const { directory, events } = journal.paths;
  try {
    withReserve(directory, () => forgetNames(events));
    seal.removePlaintext(store, task);
    removeTree(AT.FDCWD, scratchDirectory(directory));
    if (plaintext !== null) journal.change({ plaintext: null }, { type: 'plaintext-removed' });
    return undefined;
  } catch (error) {
    const { aside, staging } = journal.paths;
    putBack(store, task);
    const found = notRemoved(error);
    const left = existsSync(aside) ? found : found.replaceAll(aside, staging);
    // Names stay out of events: they are kept when the plaintext has gone.
    if (left !== plaintext) journal.change({ plaintext: left }, { type: 'plaintext-not-removed' });
    return left;
  }
}

function notRemoved(error: unknown): string {
  if (error instanceof NotRemovable) return `not removed, ${error.path}: ${error.reason}`;
  if (error instanceof MountedBeneath) return `not removed, ${error.path}: it is a mount point`;
  return `not removed: ${messageOf(error)}`;
}
