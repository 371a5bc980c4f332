import { existsSync } from 'node:fs';
import { type Store, type TaskPaths, type TaskRecord, taskPaths } from '../store/index.ts';
import { fileEvent, type WatchEvent } from './event.ts';
import { StagingWatch } from './staging-watch.ts';
import type { Change, LiveTree } from './tree.ts';

/** One task that is being watched: its record, and its files while they are outside the archive. */
export class TaskWatch {
  private current: TaskRecord;
  private staging: StagingWatch | undefined;
  /** Whether changes are noticed, and whether that was told. */
  private ready: 'no' | 'yes' | 'told' = 'no';
  private note: string | undefined;
  private picture: LiveTree | undefined;
  private readonly paths: TaskPaths;
  private readonly wake: () => void;
  private readonly pending = new Set<Promise<void>>();

  /** `wake` is called when something may have changed. */
  constructor(store: Store, record: TaskRecord, wake: () => void) {
    this.current = record;
    this.paths = taskPaths(store, record.task);
    this.wake = wake;
  }

  get record(): TaskRecord {
    return this.current;
  }

  /** Its files as last seen in staging; undefined where they never were. */
  get tree(): LiveTree | undefined {
    return this.picture;
  }

  /** What the user should know of how it is watched. */
  get trouble(): string | undefined {
    return this.staging?.note;
  }

  /** When its files are to be looked at even if nothing was noticed: milliseconds of performance.now(). */
  get dueAt(): number {
    return this.staging?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  /** The task's record was replaced. */
  update(record: TaskRecord): WatchEvent[] {
    const before = this.current;
    this.current = record;
    if (before.status === record.status && before.artifacts === record.artifacts) return [];
    return [this.state()];
  }

  /** Where the task stands, as an event. */
  state(): WatchEvent {
    const { task, status, artifacts, reason } = this.current;
    return { type: 'task', at: new Date().toISOString(), task, status, artifacts, reason };
  }

  /** Looks at its files. What sealing moves from staging to the archive is not told as removed. */
  look(): WatchEvent[] {
    const staging = this.staging ?? this.open();
    if (!staging) return [];
    if (this.isCommitted()) return this.leave();
    const wasReady = this.ready === 'yes';
    const changes = staging.refresh();
    if (changes.some(isRemoval) && this.isCommitted()) return this.leave();
    const at = new Date();
    const events: WatchEvent[] = changes.map((change) => fileEvent(this.current.task, change, at));
    if (wasReady) {
      this.ready = 'told';
      events.push({ type: 'ready', at: at.toISOString(), task: this.current.task });
    }
    events.push(...this.noteEvents(staging));
    return events;
  }

  async close(): Promise<void> {
    this.leave();
    await Promise.all(this.pending);
  }

  private isCommitted(): boolean {
    return this.current.artifacts === 'sealed' || existsSync(this.paths.archive);
  }

  private open(): StagingWatch | undefined {
    if (this.isCommitted() || !existsSync(this.paths.staging)) return undefined;
    const staging = new StagingWatch(this.paths.staging, this.wake);
    this.staging = staging;
    this.picture = staging.tree;
    this.track(
      staging.start().then(() => {
        this.ready = 'yes';
        this.wake();
      }),
    );
    return staging;
  }

  private leave(): [] {
    const staging = this.staging;
    this.staging = undefined;
    if (staging) this.track(staging.close());
    return [];
  }

  private noteEvents(staging: StagingWatch): WatchEvent[] {
    const message = staging.note;
    const known = this.note !== undefined;
    this.note = message;
    if (message === undefined || known) return [];
    return [{ type: 'note', at: new Date().toISOString(), task: this.current.task, message }];
  }

  private track(work: Promise<void>): void {
    const tracked = work.finally(() => this.pending.delete(tracked));
    this.pending.add(tracked);
  }
}

const isRemoval = (change: Change): boolean => change.action === 'remove';
