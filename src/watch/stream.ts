import type { Store, TaskName } from '../store/index.ts';
import type { WatchEvent } from './event.ts';
import { Watch, type WatchOptions } from './watch.ts';

/**
 * The events of one task, until its files are archived, kept or removed; or of all tasks, until the
 * signal aborts. First what is there (`task`, then an `add` for each file, then `ready`), then what
 * happens. Throws `not-found` where there is no such task.
 */
export async function* watchEvents(
  store: Store,
  task: TaskName | undefined,
  options: WatchOptions & { readonly signal?: AbortSignal } = {},
): AsyncGenerator<WatchEvent, void> {
  await using watch = new Watch(store, task, options);
  const close = (): void => void watch.close();
  options.signal?.addEventListener('abort', close, { once: true });
  if (options.signal?.aborted) return;
  for (let batch = await watch.next(); batch; batch = await watch.next()) yield* batch;
}
