import type { FindIdentities } from '../artifacts/index.ts';
import { readRecord, type Store, type TaskName, taskPaths } from '../store/index.ts';
import { isoNow } from '../sys/index.ts';
import type { WatchEvent } from './event.ts';
import { TaskStates } from './task-states.ts';
import { TaskWatch, type WatchContext } from './task-watch.ts';

/** How often records are read, in milliseconds. */
const RECORDS_EVERY = 500;
/** Changes within this many milliseconds are reported together, by default. */
const DEBOUNCE = 500;

export interface WatchOptions {
  /** Changes within so many milliseconds are reported together; 500 by default. */
  readonly debounceMs?: number;
  /** Finds the identities that open an archive; the store's own by default. */
  readonly findIdentities?: FindIdentities;
}

/**
 * Follows one task, or all tasks of a store. `next` takes its events in batches; nothing is
 * scanned while nobody asks, so a slow reader costs no memory and gets the sum of what it missed.
 */
export class Watch implements AsyncDisposable {
  private readonly context: WatchContext;
  private readonly only: TaskName | undefined;
  private readonly debounceMs: number;
  private readonly states: TaskStates;
  private readonly watched = new Map<TaskName, TaskWatch>();
  private dirtySince: number | undefined;
  private nextRecords = 0;
  private begun = false;
  private closed = false;
  private interrupt = (): void => {};

  /** Throws `not-found` where `only` names no task. */
  constructor(store: Store, only: TaskName | undefined, options: WatchOptions = {}) {
    if (only !== undefined) readRecord(taskPaths(store, only).record, only);
    this.context = {
      store,
      findIdentities: options.findIdentities ?? (() => ownIdentities(store)),
      wake: () => this.wake(),
    };
    this.only = only;
    this.debounceMs = options.debounceMs ?? DEBOUNCE;
    this.states = new TaskStates(store, only);
  }

  /** The tasks, as in the events reported so far. */
  get tasks(): ReadonlyMap<TaskName, TaskWatch> {
    return this.watched;
  }

  /** Tasks of which nothing is known, since their record cannot be read. */
  get unreadable(): readonly TaskName[] {
    return this.states.unreadable;
  }

  /**
   * Waits for the next events; undefined when there will be none: closed, or its one task has
   * ended.
   */
  async next(): Promise<WatchEvent[] | undefined> {
    while (!this.closed) {
      const events = this.poll(performance.now());
      if (events.length > 0) return events;
      if (this.isOver()) return undefined;
      await this.untilDue();
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.interrupt();
    await Promise.all(Array.from(this.watched.values(), (task) => task.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // Files before records: what a task wrote is reported before its end, where it can be seen.
  private poll(now: number): WatchEvent[] {
    const dirty = this.dirtySince !== undefined && now >= this.dirtySince + this.debounceMs;
    if (dirty) this.dirtySince = undefined;
    const events: WatchEvent[] = [];
    for (const task of this.watched.values()) {
      if (dirty || task.dueAt <= now) events.push(...task.scan());
    }
    if (now < this.nextRecords) return events;
    this.nextRecords = now + RECORDS_EVERY;
    events.push(...this.pollRecords());
    return events;
  }

  private pollRecords(): WatchEvent[] {
    const events: WatchEvent[] = [];
    const { changed, gone } = this.states.refresh();
    for (const record of changed) {
      const known = this.watched.get(record.task);
      if (known) {
        events.push(...known.update(record));
        continue;
      }
      // Of all tasks, those that were archived before the start are no news.
      const isOld = record.artifacts === 'sealed' && this.only === undefined && !this.begun;
      const fresh = new TaskWatch(this.context, record, isOld);
      this.watched.set(record.task, fresh);
      if (!isOld) events.push(fresh.state(), ...fresh.scan());
    }
    for (const task of gone) events.push(this.forget(task));
    this.begun = true;
    return events;
  }

  private forget(task: TaskName): WatchEvent {
    const watched = this.watched.get(task);
    this.watched.delete(task);
    void watched?.close();
    return { type: 'gone', at: isoNow(), task };
  }

  private isOver(): boolean {
    if (this.only === undefined) return false;
    const task = this.watched.get(this.only);
    if (task?.isBusy) return false;
    const artifacts = task?.record.artifacts;
    return artifacts !== 'live' && artifacts !== 'sealing';
  }

  private wake(): void {
    this.dirtySince ??= performance.now();
    this.interrupt();
  }

  private untilDue(): Promise<void> {
    const files = Array.from(this.watched.values(), (task) => task.dueAt);
    const dirty = this.dirtySince === undefined ? Infinity : this.dirtySince + this.debounceMs;
    const due = Math.min(this.nextRecords, dirty, ...files);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(due - performance.now(), 0));
      this.interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function ownIdentities(store: Store): Promise<string[]> {
  const { loadIdentities } = await import('../store/index.ts');
  return loadIdentities(store);
}

/**
 * The events of one task, until its files are archived, kept or removed; or of all tasks, until
 * the signal aborts. First what is there (`task`, then an `add` for each file, then `ready`), then
 * what happens. Throws `not-found` where there is no such task.
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
