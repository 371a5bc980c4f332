import { archiveSize, readChain } from '../archive/index.ts';
import { explain, messageOf, TaskfsError } from '../errors.ts';
import {
  AGE_IN_DOUBT,
  type Candidate,
  type DatedSeal,
  type Decision,
  decide,
  isEmpty,
  judgeSealTimes,
  matches,
  type Policy,
  readPolicy,
  type SealTime,
  type Selector,
} from '../retention/index.ts';
import { listLeftEdits, type Store } from '../store/index.ts';
import { monotonicMs } from '../sys/index.ts';
import { awaitedTasks } from './queue.ts';
import { removeEnded } from './remove-task.ts';
import { type TaskView, viewTasks } from './view.ts';

/**
 * The sealed tasks that a policy decides about, newest seal first; not those that another one is
 * about to run after, nor those of which somebody's edit was not written back.
 */
function sealedTasks(store: Store, nowMs: number): Candidate[] {
  const edited = listLeftEdits(store).map(({ task }) => task);
  const needed = new Set([...awaitedTasks(store), ...edited]);
  const views = viewTasks(store)
    .tasks.filter(({ artifacts, plaintext }) => artifacts === 'sealed' && !plaintext)
    .sort((a, b) => sealedMsOf(a) - sealedMsOf(b));
  const chain = datedChain(store);
  const inChain = judgeSealTimes(chain, nowMs);
  // What a chain that was lost, or is from a backup, does not have counts as newest, by its time.
  const others = views.filter(({ task }) => !inChain.has(task)).map(sealOf);
  const times = [...judgeSealTimes([...chain, ...others], nowMs)];
  const byTask = new Map(views.map((view) => [view.task, view]));
  return times.reverse().flatMap(([task, time]) => {
    const view = byTask.get(task);
    if (!view || needed.has(task)) return [];
    return [candidateOf(store, view, time, inChain.has(task))];
  });
}

/**
 * The chain's order tells the age only of what was sealed when its line was written: a task that
 * was renamed or received has a later one.
 */
function candidateOf(
  store: Store,
  view: TaskView,
  { atMs, agedFromMs, isAgeInDoubt }: SealTime,
  isInChain: boolean,
): Candidate {
  const { task, status, labels, pinned } = view;
  const sealedMs = sealedMsOf(view);
  const isOfSeal = isInChain && atMs <= sealedMs;
  return {
    task,
    status,
    labels,
    sealedMs,
    agedFromMs: isOfSeal ? Math.max(sealedMs, agedFromMs) : sealedMs,
    isAgeInDoubt,
    measure: () => archiveSize(store, task),
    isPinned: pinned,
  };
}

const datedChain = (store: Store): DatedSeal[] =>
  readChain(store).flatMap(({ value }) =>
    value ? [{ type: value.type, task: value.task, atMs: Date.parse(value.at) }] : [],
  );

const sealOf = (view: TaskView): DatedSeal => ({
  type: 'sealed',
  task: view.task,
  atMs: sealedMsOf(view),
});

const sealedMsOf = ({ sealedAt }: TaskView): number => Date.parse(sealedAt ?? '');

/**
 * What becomes of the sealed tasks that a selector names, and why, the oldest seal first: by a
 * policy, or by the store's own where none is given. Throws `usage` where that has none.
 */
export function planPrune(
  store: Store,
  given: Policy | undefined,
  select: Selector = {},
): Decision[] {
  const policy = given ?? readPolicy(store);
  if (!policy || isEmpty(policy)) {
    throw new TaskfsError('usage', 'prune needs to know what to keep', {
      hint:
        "Give --older-than, --keep-last or others, or set them for good with 'taskfs " +
        "policy set'.",
    });
  }
  const now = Date.now();
  const selected = sealedTasks(store, now).filter((task) => matches(select, task));
  return decide(selected, policy, now).reverse();
}

/**
 * The error for tasks that age alone would remove, and that stay since the clock may be wrong;
 * undefined where there are none.
 */
export function clockInDoubt(decisions: readonly Decision[]): TaskfsError | undefined {
  const held = decisions.filter(({ because }) => because.every((why) => why === AGE_IN_DOUBT));
  const [first] = held;
  if (!first) return undefined;
  const stayed =
    held.length === 1
      ? `task ${first.task} did not go for its age`
      : `task ${first.task} and ${held.length - 1} more did not go for their age`;
  const jump = 'the clock has gone ahead by more than half a year since then';
  return new TaskfsError('failed', `${stayed}: ${jump}`, {
    hint:
      "Is the clock right? Then remove them by number, as with 'taskfs prune --keep-last 10', or " +
      "by name, with 'taskfs rm'.",
  });
}

/** A task that ended waits no longer than this for old ones to be removed, in milliseconds. */
const PATIENCE_MS = 5_000;

/**
 * Removes what the store's policy does not keep, where it is to be applied by itself. What is not
 * removed in time, or cannot be, is left to the next task that ends. Never throws: no failure here
 * is that of the task which just ended.
 */
export async function applyPolicy(
  store: Store,
  say: (words: string) => void = () => {},
): Promise<void> {
  try {
    const policy = readPolicy(store);
    if (!policy?.auto) return;
    const deadline = monotonicMs() + PATIENCE_MS;
    const now = Date.now();
    const decisions = decide(sealedTasks(store, now), policy, now);
    const doubt = clockInDoubt(decisions);
    if (doubt) say(explain(doubt));
    const doomed = decisions.filter(({ keep }) => !keep);
    for (const { task, sealedMs } of doomed.reverse()) {
      if (monotonicMs() > deadline) return;
      await removeEnded(store, task, sealedMs).catch(reportUnlessBusy);
    }
  } catch (error) {
    say(`the store's policy could not be applied: ${messageOf(error)}`);
  }
}

/** Somebody else removes it, or works on it: not worth a word. */
function reportUnlessBusy(error: unknown): void {
  const isBusy =
    error instanceof TaskfsError && (error.kind === 'usage' || error.kind === 'not-found');
  if (!isBusy) throw error;
}
