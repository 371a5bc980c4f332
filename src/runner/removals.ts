import { TaskfsError } from '../errors.ts';
import type { Decision } from '../retention/index.ts';
import { isFinal, type Store, type TaskName } from '../store/index.ts';
import { cancel } from './control.ts';
import { removeEnded } from './remove-task.ts';
import { viewTask } from './view.ts';
import { waitFor } from './wait.ts';

export interface RemovalOptions {
  /** Ends those that run, at once, unless they are pinned; one that is not there is no failure. */
  readonly force?: boolean | undefined;
  /** Words for a person. */
  readonly say?: ((words: string) => void) | undefined;
}

/** What became of tasks that were to be removed. */
export interface Removals {
  readonly removed: readonly TaskName[];
  readonly failed: readonly { readonly task: TaskName; readonly error: TaskfsError }[];
}

/**
 * Removes tasks one after the other, as `removeEnded` does; one that cannot be removed does not
 * stop the others.
 */
export async function removeTasks(
  store: Store,
  tasks: readonly TaskName[],
  options: RemovalOptions = {},
): Promise<Removals> {
  return await removeEach(tasks, (task) => removeOne(store, task, options));
}

/**
 * Removes what a policy does not keep, in the same way. A task that has got the name of one
 * meanwhile, which nobody decided about, counts among those that cannot be removed.
 */
export async function removeDecided(
  store: Store,
  decisions: readonly Decision[],
  { say = () => {} }: Pick<RemovalOptions, 'say'> = {},
): Promise<Removals> {
  const doomed = decisions.filter(({ keep }) => !keep);
  const sealedMs = new Map(doomed.map((decision) => [decision.task, decision.sealedMs]));
  return await removeEach([...sealedMs.keys()], async (task) => {
    for (const left of await removeEnded(store, task, sealedMs.get(task))) say(left);
    return true;
  });
}

/** `remove` returns false where there was nothing to remove. */
async function removeEach(
  tasks: readonly TaskName[],
  remove: (task: TaskName) => Promise<boolean>,
): Promise<Removals> {
  const removed: TaskName[] = [];
  const failed: { task: TaskName; error: TaskfsError }[] = [];
  for (const task of tasks) {
    try {
      if (await remove(task)) removed.push(task);
    } catch (error) {
      if (!(error instanceof TaskfsError)) throw error;
      failed.push({ task, error });
    }
  }
  return { removed, failed };
}

/** False where there is no such task, and need not be. */
async function removeOne(
  store: Store,
  task: TaskName,
  { force = false, say = () => {} }: RemovalOptions,
): Promise<boolean> {
  try {
    if (force) await endAtOnce(store, task, say);
    for (const left of await removeEnded(store, task)) say(left);
    return true;
  } catch (error) {
    if (force && error instanceof TaskfsError && error.kind === 'not-found') return false;
    throw error;
  }
}

async function endAtOnce(
  store: Store,
  task: TaskName,
  say: (words: string) => void,
): Promise<void> {
  const view = viewUnlessDamaged(store, task);
  if (!view || isFinal(view.status) || view.pinned) return;
  await cancel(store, task, { kill: true });
  await waitFor(store, task, say);
}

/** What nobody can read is removed all the same. */
function viewUnlessDamaged(store: Store, task: TaskName) {
  try {
    return viewTask(store, task);
  } catch (error) {
    if (error instanceof TaskfsError && error.kind === 'damaged') return undefined;
    throw error;
  }
}
