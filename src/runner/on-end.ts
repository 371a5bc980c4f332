import { existsSync } from 'node:fs';
import { runBounded } from '../bounded-command.ts';
import { messageOf } from '../errors.ts';
import {
  isOnEndOffered,
  offerOnEnd,
  readEvents,
  type Store,
  type TaskRecord,
  taskPaths,
  withdrawOnEnd,
} from '../store/index.ts';
import { isoNow } from '../sys/index.ts';
import type { Journal } from './journal.ts';

/** How long a command of `--on-end` may take, in milliseconds: its supervisor lives on for it. */
const PATIENCE_MS = 5 * 60_000;

const ENDED = 'on-end';
const FAILED = 'on-end-failed';

/**
 * Runs the command that a task was given for its end, once its files are sealed, or kept. What is
 * to become the command first takes a claim, a file: so it is started once, whichever process dies
 * when, and one that was under way when its supervisor died is reported as failed. Never throws:
 * its failure is an event. Only for the holder of the task's lock.
 */
export async function runOnEnd(
  store: Store,
  journal: Journal,
  say: (words: string) => void = () => {},
): Promise<void> {
  const { task, onEnd, onEndStartedAt } = journal.record;
  if (!onEnd) return;
  try {
    const isUntaken = onEndStartedAt === undefined || isOnEndOffered(store, task);
    if (!isUntaken) return reportCutShort(journal);
    const claim = offerOnEnd(store, task);
    journal.change({ onEndStartedAt: isoNow() });
    const { command, cwd } = onEnd;
    if (!existsSync(cwd)) throw new Error(`there is no directory ${cwd} any more`);
    const env = { ...process.env, ...factsOf(store, journal.record) };
    const isOurs = await runBounded({ command, cwd, env, claim, patienceMs: PATIENCE_MS });
    if (!isOurs) return reportCutShort(journal);
    journal.note({ type: ENDED });
  } catch (cause) {
    withdrawOnEnd(store, task);
    const error = messageOf(cause);
    journal.note({ type: FAILED, error });
    say(`--on-end of task ${task} failed: ${error}`);
  }
}

function reportCutShort({ paths, note }: Journal): void {
  const isReported = readEvents(paths.events).some(({ type }) => type === ENDED || type === FAILED);
  if (!isReported) note({ type: FAILED, error: 'its supervisor died before it had ended' });
}

/** The facts of an ended task as variables; what there is not is empty. */
function factsOf(store: Store, record: TaskRecord): Record<string, string> {
  const { task, status, exitCode, signal, reason, reasonKind, artifacts, endedAt } = record;
  const facts = {
    TASKFS_STORE: store.path,
    TASKFS_TASK: task,
    TASKFS_STATUS: status,
    TASKFS_EXIT_CODE: exitCode,
    TASKFS_SIGNAL: signal,
    TASKFS_REASON: reason?.replaceAll('\0', ' '),
    TASKFS_REASON_KIND: reasonKind,
    TASKFS_ENDED_AT: endedAt,
    TASKFS_FILES: artifacts,
    TASKFS_ARCHIVE: artifacts === 'sealed' ? taskPaths(store, task).archive : '',
    // That of the task which has ended; a background process has it empty.
    TASKFS_ARTIFACTS: '',
  };
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, `${value ?? ''}`]));
}
