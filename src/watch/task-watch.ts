import { existsSync } from 'node:fs';
import type { FindIdentities } from '../artifacts/index.ts';
import { messageOf } from '../errors.ts';
import {
  findStaging,
  type Store,
  type TaskPaths,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import { isoNow } from '../sys/index.ts';
import { fileEvent, type WatchEvent } from './event.ts';
import { scanArchive } from './scan-archive.ts';
import { StagingWatch } from './staging-watch.ts';
import { type Change, LiveTree } from './tree.ts';

/** What the tasks of one watch share. */
export interface WatchContext {
  readonly store: Store;
  /** Finds the identities that open an archive. */
  readonly findIdentities: FindIdentities;
  /** To be called when something may have changed. */
  readonly wake: () => void;
}

/** One task that is being watched: its record, and its files from staging into the archive. */
export class TaskWatch {
  private current: TaskRecord;
  private staging: StagingWatch | undefined;
  private picture: LiveTree | undefined;
  /** Whether changes are noticed, and whether that was reported. */
  private ready: 'no' | 'yes' | 'reported' = 'no';
  private noted = false;
  /** How far the archive has been scanned; `no` also where it is not to be. */
  private archived: 'no' | 'scanning' | 'done' = 'no';
  /** Events that wait for those of the archive: the last word about a task is its state. */
  private held: WatchEvent[] = [];
  private readonly context: WatchContext;
  private readonly paths: TaskPaths;
  private readonly pending = new Set<Promise<void>>();

  /** `isOld`: it was archived before anybody watched; its archive is not scanned. */
  constructor(context: WatchContext, record: TaskRecord, isOld: boolean) {
    this.context = context;
    this.current = record;
    this.paths = taskPaths(context.store, record.task);
    if (isOld) this.archived = 'done';
  }

  get record(): TaskRecord {
    return this.current;
  }

  /** Its files as last seen; undefined where they never were. */
  get tree(): LiveTree | undefined {
    return this.picture;
  }

  /** What the user should know of how it is watched. */
  get trouble(): string | undefined {
    return this.staging?.note;
  }

  /**
   * When its files are to be scanned even if nothing was noticed: milliseconds of
   * performance.now().
   */
  get dueAt(): number {
    if (this.archived === 'done' && this.held.length > 0) return 0;
    return this.staging?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  /** Whether there are events to come even if nothing happens any more. */
  get isBusy(): boolean {
    return this.archived === 'scanning' || this.held.length > 0;
  }

  /** The state of the task, as an event. */
  state(): WatchEvent {
    const { task, status, artifacts, reason } = this.current;
    return { type: 'task', at: isoNow(), task, status, artifacts, reason };
  }

  /**
   * The task's record was replaced: returns what happened to its files until then, and its new
   * state.
   */
  update(record: TaskRecord): WatchEvent[] {
    const before = this.current;
    this.current = record;
    const isNews = before.status !== record.status || before.artifacts !== record.artifacts;
    const isFrozen = record.artifacts !== 'live';
    const events = this.scan(isNews && isFrozen);
    if (!isNews) return events;
    if (this.archived !== 'scanning') return [...events, this.state()];
    this.held.push(this.state());
    return events;
  }

  /** Scans its files, all of them if asked for. What sealing moves is not reported as removed. */
  scan(everywhere = false): WatchEvent[] {
    if (this.archived === 'scanning') return [];
    if (this.archived === 'done') return this.release();
    if (this.isCommitted()) return this.leaveForArchive();
    const staging = this.staging ?? this.open();
    if (!staging) return [];
    const wasReady = this.ready === 'yes';
    const changes = staging.refresh(everywhere);
    if (changes.some(isRemoval) && this.isCommitted()) return this.leaveForArchive();
    const events = this.fileEvents(changes);
    if (wasReady) events.push(this.readyEvent());
    return [...events, ...this.noteEvents(staging)];
  }

  async close(): Promise<void> {
    this.leave();
    await Promise.all(this.pending);
  }

  private isCommitted(): boolean {
    return this.current.artifacts === 'sealed' || existsSync(this.paths.archive);
  }

  private open(): StagingWatch | undefined {
    const path = findStaging(this.paths);
    if (path === undefined) return undefined;
    const staging = new StagingWatch(path, this.context.wake);
    this.staging = staging;
    this.picture = staging.tree;
    this.track(
      staging.start().then(() => {
        this.ready = 'yes';
        this.context.wake();
      }),
    );
    return staging;
  }

  private leave(): void {
    const staging = this.staging;
    this.staging = undefined;
    if (staging) this.track(staging.close());
  }

  private leaveForArchive(): WatchEvent[] {
    this.leave();
    this.picture ??= new LiveTree();
    this.archived = 'scanning';
    this.track(
      this.readArchive(this.picture).then((events) => {
        this.held = [...events, ...this.held];
        this.archived = 'done';
        this.context.wake();
      }),
    );
    return [];
  }

  private async readArchive(picture: LiveTree): Promise<WatchEvent[]> {
    try {
      const { store, findIdentities } = this.context;
      return this.fileEvents(await scanArchive(picture, store, this.record.task, findIdentities));
    } catch (error) {
      const why = messageOf(error);
      return [this.noteEvent(`its last changes are unknown, its archive does not open: ${why}`)];
    }
  }

  private release(): WatchEvent[] {
    const events = this.held;
    this.held = [];
    return events;
  }

  private fileEvents(changes: readonly Change[]): WatchEvent[] {
    const at = new Date();
    return changes.map((change) => fileEvent(this.current.task, change, at));
  }

  private readyEvent(): WatchEvent {
    this.ready = 'reported';
    return { type: 'ready', at: isoNow(), task: this.current.task };
  }

  private noteEvents({ note }: StagingWatch): WatchEvent[] {
    const isNews = note !== undefined && !this.noted;
    this.noted = note !== undefined;
    return isNews ? [this.noteEvent(note)] : [];
  }

  private noteEvent(message: string): WatchEvent {
    return { type: 'note', at: isoNow(), task: this.current.task, message };
  }

  private track(work: Promise<void>): void {
    const tracked = work.finally(() => this.pending.delete(tracked));
    this.pending.add(tracked);
  }
}

const isRemoval = (change: Change): boolean => change.action === 'remove';
