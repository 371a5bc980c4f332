import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LeftOut, SealProgress, SealResult } from '../archive/write/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import {
  DRAIN_MS,
  findDirectWriters,
  findWriters,
  isWrittenDirectly,
  type Writer,
  waitForWriters,
} from '../mount/index.ts';
import {
  findStaging,
  isTrashName,
  type Lock,
  putBack,
  type Store,
  type TaskName,
  type TaskPaths,
  type TaskRecord,
  taskPaths,
  trySetAside,
} from '../store/index.ts';
import { isoNow, keepMemoryPrivate, monotonicMs } from '../sys/index.ts';
import { anchorSeal, cleanUpSealed } from './after-seal.ts';
import type { EventInput, Journal } from './journal.ts';
import { runOnEnd } from './on-end.ts';
import { closeAttempt, type Outcome, statusOf } from './outcome.ts';
import { leaveQueue, wakeDependents } from './queue.ts';
import { lockReach } from './supervisor-liveness.ts';

export interface FinishOptions {
  /** Words for a person. */
  readonly say?: ((words: string) => void) | undefined;
  readonly onSealProgress?: ((progress: SealProgress) => void) | undefined;
  /**
   * How long open writers of the mount may take to close their
   * files, in milliseconds; default: as the record says.
   */
  readonly drainMs?: number | undefined;
  /** Seal what editors left beside the task's files too; default: as the record says. */
  readonly keepEditorFiles?: boolean | undefined;
}

/**
 * Writes a task's final status, as outcome.ts decided, once; its files turn read-only with the same
 * write.
 */
export function endTask(journal: Journal, outcome: Outcome): void {
  const { exitCode, signal, reason, kind: reasonKind } = outcome;
  const status = statusOf(outcome);
  const change: Partial<TaskRecord> = {
    ...closeAttempt(journal.record, outcome),
    status,
    artifacts: 'sealing',
    paused: false,
    endedAt: isoNow(),
    exitCode,
    signal,
    reason,
    reasonKind,
  };
  journal.change(change, { type: 'ended', status, exitCode, signal, reasonKind, reason });
}

/**
 * Brings an ended task to its last state: sealed, its plaintext removed, or the
 * record saying why not; or `kept`, with the reason in the record, its staging as
 * it was. Every step may have been done before: so recovery continues wherever a
 * supervisor died. Only for the holder of the task's lock. Returns whether it is
 * sealed. `removal` is that of the run, which the task does not end without.
 */
export async function finishTask(
  store: Store,
  journal: Journal,
  options: FinishOptions,
  removal: Promise<unknown>,
): Promise<boolean> {
  const wasSealed = journal.record.artifacts === 'sealed' && !hasLostArchive(journal.paths);
  const sealing = wasSealed ? Promise.resolve(undefined) : sealTask(store, journal, options);
  const sealed = await sealing.finally(() => removal);
  const isSealed = wasSealed || sealed !== undefined;
  if (isSealed) await cleanUpSealed(store, journal, sealed, options.say);
  if (!wasSealed) wakeDependents(store, journal.record.task);
  if (isSealed && !wasSealed) await anchorSeal(store, journal, options.say);
  await runOnEnd(store, journal, options.say);
  leaveQueue(store, journal.record.task);
  return isSealed;
}

/**
 * Whether a task can be sealed again whose archive is not there: its log is removed before any of
 * its files is.
 */
const hasLostArchive = (paths: TaskPaths): boolean =>
  !existsSync(paths.archive) && existsSync(paths.log) && findStaging(paths) !== undefined;

/**
 * Loads what sealing needs, while a task runs that somebody waits for: for a small one that takes
 * longer than to seal it.
 */
export function loadSealing(): void {
  // A failure is reported where the module is needed.
  import('../archive/write/index.ts').catch(() => {});
}

/** Undefined where the files stay: `kept`. */
async function sealTask(
  store: Store,
  journal: Journal,
  options: FinishOptions,
): Promise<SealResult | undefined> {
  const { task } = journal.record;
  const start = monotonicMs();
  if (journal.record.artifacts !== 'sealing') {
    journal.change({ artifacts: 'sealing' }, { type: 'sealing' });
  }
  const { keepEditorFiles } = options;
  if (keepEditorFiles !== undefined) journal.change({ keepEditorFiles });
  const drainMs = options.drainMs ?? journal.record.drainMs ?? DRAIN_MS;
  let writers: Lock | undefined;
  try {
    const keepsName = isShownByKernel(store, journal);
    // Early, so that nobody opens files by their path while writers are waited for. Sealing tries
    // again, and reports a failure.
    if (!keepsName) trySetAside(store, task);
    writers = await waitForWriters(journal.paths.writers, drainMs);
    if (!writers) await cutOffWriters(store, journal, drainMs, options);
    // The task's own key is in memory from here on.
    keepMemoryPrivate();
    const seal = await import('../archive/write/index.ts');
    const sealed = await seal.sealTask(store, task, {
      patienceMs: drainMs - (monotonicMs() - start),
      mayBeOpen: !writers,
      keepsName,
      ...(options.onSealProgress && { onProgress: options.onSealProgress }),
    });
    sayWhatIsMissing(sealed, options);
    const sealMs = Math.round(monotonicMs() - start);
    const sealedAt = isoNow();
    const { unselected } = sealed.leftOutCount;
    const leftOut = unselected > 0 && { leftOut: unselected };
    journal.change(
      { artifacts: 'sealed', sealedAt, sealMs, sealError: null, ...leftOut },
      sealedEvent(sealed, sealMs),
    );
    return sealed;
  } catch (error) {
    const reason = await reasonOf(store, task, error);
    putBack(store, task);
    keep(journal, reason, options);
    return undefined;
  } finally {
    writers?.release();
  }
}

function sealedEvent(sealed: SealResult, sealMs: number): EventInput {
  const { bytes, files, skippedCount, leftOutCount } = sealed;
  const { editor, unselected } = leftOutCount;
  const others = {
    ...(editor > 0 && { leftOut: editor }),
    ...(unselected > 0 && { unselected }),
  };
  return { type: 'sealed', sealMs, bytes, files, skipped: skippedCount, ...others };
}

/** Names what was in staging and is not in the archive, or not whole. */
function sayWhatIsMissing(sealed: SealResult, { say = () => {} }: FinishOptions): void {
  const { skipped, skippedCount, leftOut, leftOutCount, ownLinks } = sealed;
  for (const { path, type } of skipped) say(`not sealed: ${path} is a ${type}`);
  const more = skippedCount - skipped.length;
  if (skipped.length > 0 && more > 0) say(`not sealed: ${more} more of them`);
  const of = (as: LeftOut['as']): string[] =>
    leftOut.filter((each) => each.as === as).map(({ path }) => path);
  for (const path of of('editor')) say(`left out: '${path}', ${isTrash(path) ? TRASHED : EDITORS}`);
  const moreOfEditors = leftOutCount.editor - of('editor').length;
  if (moreOfEditors > 0) say(`left out: ${moreOfEditors} more of them`);
  if (leftOutCount.unselected > 0) sayUnselected(of('unselected'), leftOutCount.unselected, say);
  for (const { path, target } of ownLinks) {
    say(
      `'${path}' leads to ${target}, where the task's files are no more: ` +
        'relative links stay whole',
    );
  }
}

const EDITORS = 'which an editor made for itself';
const TRASHED = 'with what was moved to the trash in a mount';

const isTrash = (path: string): boolean => isTrashName(Buffer.from(basename(path)));

/** How many of them are named; a pattern may be about thousands. */
const NAMED = 5;

function sayUnselected(paths: string[], count: number, say: (words: string) => void): void {
  const named = paths.slice(0, NAMED).map((path) => `'${path}'`);
  const more = count > named.length ? ` and ${count - named.length} more` : '';
  say(`not sealed, and removed, as --artifact or --exclude asks: ${named.join(', ')}${more}`);
}

/**
 * Whether the kernel shows staging itself in a mount. A file manager takes the rename of a
 * directory that it watches for its end and, since it still finds it, hears of nothing that comes
 * later: so the rename has to come when live/<task> is gone. Not where nobody can be asked who has
 * a file open.
 */
function isShownByKernel(store: Store, { paths }: Journal): boolean {
  const { writers } = paths;
  return existsSync(writers) && isWrittenDirectly(writers) && lockReach(store) === 'machine';
}

/** Servers of mounts read the record more often than this before they write, in milliseconds. */
const NOTICE_MS = 100;

/**
 * Names the writers that did not close in time, and cuts them off: what they wrote until now is
 * sealed. Throws `failed` where one of them reaches the real file, and so cannot be cut off.
 */
async function cutOffWriters(
  store: Store,
  journal: Journal,
  drainMs: number,
  { say }: FinishOptions,
): Promise<void> {
  const { task } = journal.record;
  const writers = findWriters(store, task);
  const direct = findDirectWriters(journal.paths);
  if (direct.length > 0 || isWrittenDirectly(journal.paths.writers)) {
    throw new TaskfsError('failed', `still open for writing: ${listOf([...writers, ...direct])}`);
  }
  const frozenAt = isoNow();
  journal.change({ frozenAt }, { type: 'not-drained', drainMs, writers });
  say?.(
    `still open for writing after ${drainMs / 1000} s: ${listOf(writers)}. ` +
      'It is sealed with what was written until now.',
  );
  await sleep(NOTICE_MS);
}

const listOf = (writers: readonly Writer[]): string =>
  writers.map(({ path, program, pid }) => `'${path}' by ${program} (pid ${pid})`).join(', ') ||
  'a file, by a process that cannot be seen';

/** Why a task could not be sealed, with the programs that kept it from that. */
async function reasonOf(store: Store, task: TaskName, error: unknown): Promise<string> {
  const { isUnsettled } = await import('../archive/write/index.ts');
  const writers = isUnsettled(error) ? findDirectWriters(taskPaths(store, task)) : [];
  return writers.length > 0 ? `${messageOf(error)}; ${listOf(writers)}` : messageOf(error);
}

function keep(journal: Journal, sealError: string, { say }: FinishOptions): void {
  const { task } = journal.record;
  journal.change({ artifacts: 'kept', sealError }, { type: 'kept', error: sealError });
  const files = findStaging(journal.paths);
  const where = files === undefined ? '' : `Its files stay in ${files}; `;
  say?.(`task ${task} could not be sealed: ${sealError}. ${where}'taskfs recover' tries again.`);
}
