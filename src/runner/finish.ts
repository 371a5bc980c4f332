import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lock, messageOf, type Store, type TaskRecord, takeLock } from '../store/index.ts';
import type { SealProgress } from '../store/seal/seal.ts';
import { closeAttempt } from './attempt.ts';
import { type Ending, statusOf } from './ending.ts';
import type { Journal } from './journal.ts';
import { leaveQueue } from './queue.ts';
import { dropWishes } from './requests.ts';
import { dropReserve } from './reserve.ts';
import { scratchDirectory } from './scratch.ts';

export interface FinishOptions {
  /** Words for a person. */
  readonly say?: ((words: string) => void) | undefined;
  readonly onSealProgress?: ((progress: SealProgress) => void) | undefined;
}

/** Writes a task's final status, once; its files turn read-only with the same write. */
export function endTask(journal: Journal, ending: Ending): void {
  const { exitCode, signal, reason, kind: reasonKind } = ending;
  const status = statusOf(ending);
  const change: Partial<TaskRecord> = {
    ...closeAttempt(journal.record, ending),
    status,
    artifacts: 'sealing',
    paused: false,
    endedAt: new Date().toISOString(),
    exitCode,
    signal,
    reason,
    reasonKind,
  };
  journal.change(change, { type: 'ended', status, exitCode, signal, reasonKind, reason });
}

/** How long open writers of the mount get to close their files, in milliseconds. */
const WRITERS_LIMIT_MS = 10_000;

/**
 * Brings an ended task to its last state: sealed, its plaintext removed; or `kept`, with the reason
 * in the record, its staging as it was. Every step may have been done before: it is how recovery
 * goes on from wherever a supervisor died. Only for the holder of the task's lock. Returns whether
 * it is sealed.
 */
export async function finishTask(
  store: Store,
  journal: Journal,
  options: FinishOptions = {},
): Promise<boolean> {
  if (journal.record.artifacts !== 'sealed' && !(await sealTask(store, journal, options))) {
    leaveQueue(store, journal.record.task);
    return false;
  }
  await removeRemains(store, journal);
  return true;
}

async function sealTask(store: Store, journal: Journal, options: FinishOptions): Promise<boolean> {
  const { task } = journal.record;
  const start = performance.now();
  if (journal.record.artifacts !== 'sealing') {
    journal.change({ artifacts: 'sealing' }, { type: 'sealing' });
  }
  const writers = await waitForWriters(journal.paths.writers);
  try {
    const seal = await import('../store/seal/seal.ts');
    const { bytes, files, skipped, changed } = await seal.sealTask(store, task, {
      ...(options.onSealProgress && { onProgress: options.onSealProgress }),
    });
    for (const { path, type } of skipped) options.say?.(`not sealed: ${path} is a ${type}`);
    for (const path of changed) options.say?.(`sealed while it was being written: ${path}`);
    const sealMs = Math.round(performance.now() - start);
    const sealedAt = new Date().toISOString();
    journal.change(
      { artifacts: 'sealed', sealedAt, sealMs, sealError: null },
      { type: 'sealed', sealMs, bytes, files, skipped: skipped.length, changed: changed.length },
    );
    return true;
  } catch (error) {
    keep(journal, messageOf(error), options);
    return false;
  } finally {
    writers?.release();
  }
}

/** Nobody can write any more once this lock is had; who still does after the limit, is sealed as it stands. */
async function waitForWriters(path: string): Promise<Lock | undefined> {
  const end = Date.now() + WRITERS_LIMIT_MS;
  for (;;) {
    const lock = takeLock(path);
    if (lock || Date.now() > end) return lock;
    await sleep(50);
  }
}

function keep(journal: Journal, sealError: string, { say }: FinishOptions): void {
  const { task } = journal.record;
  journal.change({ artifacts: 'kept', sealError }, { type: 'kept', error: sealError });
  say?.(
    `task ${task} could not be sealed: ${sealError}. Its files stay in ${journal.paths.staging}; ` +
      "'taskfs recover' tries again.",
  );
}

async function removeRemains(store: Store, journal: Journal): Promise<void> {
  const { task } = journal.record;
  const { directory } = journal.paths;
  const seal = await import('../store/seal/seal.ts');
  await seal.removePlaintext(store, task);
  dropReserve(directory);
  dropWishes(directory);
  rmSync(scratchDirectory(directory), { recursive: true, force: true });
  leaveQueue(store, task);
}
