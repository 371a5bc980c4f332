import { archiveSize, sealedInOrder } from '../archive/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import {
  type Candidate,
  type Decision,
  decide,
  isEmpty,
  matches,
  type Policy,
  readPolicy,
  type Selector,
} from '../retention/index.ts';
import { listLeftEdits, type Store } from '../store/index.ts';
import { awaitedTasks } from './queue.ts';
import { removeEnded } from './remove-task.ts';
import { type TaskView, viewTasks } from './view.ts';

/**
 * The sealed tasks that a policy decides about, newest seal first; not those that another one is
 * about to run after, nor those of which somebody's edit was not written back.
 */
function sealedTasks(store: Store): Candidate[] {
  const rank = new Map(sealedInOrder(store).map((task, place) => [task, place]));
  const edited = listLeftEdits(store).map(({ task }) => task);
  const needed = new Set([...awaitedTasks(store), ...edited]);
  // What a chain that was lost, or is from a backup, does not have counts as newest, by its time.
  const rankOf = ({ task }: TaskView): number => rank.get(task) ?? Number.MAX_SAFE_INTEGER;
  return viewTasks(store)
    .tasks.filter(({ artifacts, plaintext }) => artifacts === 'sealed' && !plaintext)
    .filter(({ task }) => !needed.has(task))
    .sort((a, b) => rankOf(b) - rankOf(a) || sealedMsOf(b) - sealedMsOf(a))
    .map((view) => ({
      task: view.task,
      status: view.status,
      labels: view.labels,
      sealedMs: sealedMsOf(view),
      measure: () => archiveSize(store, view.task),
      isPinned: view.pinned,
    }));
}

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
  const selected = sealedTasks(store).filter((task) => matches(select, task));
  return decide(selected, policy, Date.now()).reverse();
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
    const deadline = performance.now() + PATIENCE_MS;
    const doomed = decide(sealedTasks(store), policy, Date.now()).filter(({ keep }) => !keep);
    for (const { task, sealedMs } of doomed.reverse()) {
      if (performance.now() > deadline) return;
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
