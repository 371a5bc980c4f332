import { existsSync } from 'node:fs';
import type { SealResult } from '../archive/write/index.ts';
import { messageOf } from '../errors.ts';
import { removeTemporaries } from '../files/index.ts';
import { forgetNames, putBack, type Store } from '../store/index.ts';
import { AT, MountedBeneath, NotRemovable, removeTree } from '../sys/index.ts';
import { dropDiskReserve, withDiskReserve } from './disk-reserve.ts';
import type { Journal } from './journal.ts';
import { scratchDirectory } from './journal.ts';
import { withdrawRequests } from './requests.ts';

/**
 * Removes what a sealed task needs no more: its plaintext, and what its supervisor kept. Plaintext
 * that cannot be removed is no reason to call the task anything but sealed: the record says that
 * it is still there, and why; recovery tries again. Only for the holder of the task's lock.
 * `sealed`: what this process has sealed, or read of an archive that was there.
 */
export async function cleanUpSealed(
  store: Store,
  journal: Journal,
  sealed: SealResult | undefined,
  say: ((words: string) => void) | undefined,
): Promise<void> {
  const { task } = journal.record;
  const { directory, record, events } = journal.paths;
  const left = await removePlaintext(store, journal, sealed);
  if (left !== undefined) {
    say?.(`task ${task} is sealed, but its plaintext is ${left}. 'taskfs recover' tries again.`);
  }
  for (const path of [record, events]) removeTemporaries(path);
  dropDiskReserve(directory);
  withdrawRequests(directory);
}

/** Returns what is left of it, and why, as the record says it; undefined where nothing is. */
async function removePlaintext(
  store: Store,
  journal: Journal,
  sealed: SealResult | undefined,
): Promise<string | undefined> {
  const { task, plaintext = null } = journal.record;
  const seal = await import('../archive/write/index.ts');
  const { directory, events } = journal.paths;
  try {
    withDiskReserve(directory, () => forgetNames(events));
    if (!sealed) await seal.assertStored(store, task);
    seal.removePlaintext(store, task, sealed?.tree);
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

/**
 * Hands the line about a task that was just sealed to the store's anchor, if it has one. A failure
 * there is reported, and is not the task's: the next line makes up for it.
 */
export async function anchorSeal(
  store: Store,
  { record, note }: Journal,
  say: (words: string) => void = () => {},
): Promise<void> {
  const { task } = record;
  try {
    const { handToAnchor, readAnchor } = await import('../store/index.ts');
    const anchor = readAnchor(store);
    if (!anchor) return;
    const { lastLineTextOf } = await import('../archive/index.ts');
    const line = lastLineTextOf(store, task);
    if (line === undefined) return;
    await handToAnchor(anchor, line);
    note({ type: 'anchored' });
  } catch (cause) {
    const error = messageOf(cause);
    note({ type: 'not-anchored', error });
    say(`the seal of task ${task} was not handed to the store's anchor: ${error}`);
  }
}
