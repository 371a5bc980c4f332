import { messageOf } from '../errors.ts';
import type { Store } from '../store/index.ts';
import type { Journal } from './journal.ts';

/**
 * Hands the line about a task that was just sealed to the store's anchor, if it has one. What goes wrong
 * there is told, and is not the task's failure: the line after it makes up for it.
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
