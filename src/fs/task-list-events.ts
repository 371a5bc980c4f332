import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Errno } from '../errno.ts';
import { isTaskName, type Store, taskOfStaging, taskPaths } from '../store/index.ts';
import { IN, type InotifyEvent, S_IFDIR, S_IFREG } from '../sys/index.ts';
import type { Change, FileEvent, NodeId } from './file-system.ts';
import { TOP } from './node-ids.ts';

/** A directory of tasks: its names change as tasks start, end and are removed. */
export interface TaskList {
  readonly top: NodeId;
  /** The type bits of its entries. */
  readonly mode: number;
  readonly names: () => readonly string[];
}

/** The list in a directory of tasks; undefined where it is none. */
export type ListAt = (directory: NodeId) => TaskList | undefined;

interface Known {
  readonly list: TaskList;
  readonly names: ReadonlySet<string>;
}

/** Reports what happens in directories of the store. */
export interface PathWatcher {
  /** `observer` is called with events (a mask of IN) in a directory. Throws Errno. */
  observePath(path: string, mask: number, observer: (event: InotifyEvent) => void): number;
  unobservePath(id: number): void;
}

const NAMES = IN.CREATE | IN.DELETE | IN.MOVED_FROM | IN.MOVED_TO;
const LOG = 'log';
const RECORD = 'task.json';
const LOG_SUFFIX = '.log';

/**
 * Which tasks come and go in live/, archive/ and logs/, for those of them that are observed. What
 * changes in the store only says when to look: each list is then compared with what it was before.
 */
export class TaskListEvents {
  private readonly store: Store;
  private readonly watcher: PathWatcher;
  private readonly listAt: ListAt;
  private readonly followsStatus: boolean;
  private readonly known = new Map<NodeId, Known>();
  /** Watches on the store's directories, by path. */
  private readonly watches = new Map<string, number>();
  private events: FileEvent[] = [];
  private changes: Change[] = [];
  private isOld = false;

  /** `followsStatus`: a list may also change when the status of a task does. */
  constructor(store: Store, watcher: PathWatcher, listAt: ListAt, followsStatus: boolean) {
    this.store = store;
    this.watcher = watcher;
    this.listAt = listAt;
    this.followsStatus = followsStatus;
  }

  /** Observes these directories of tasks and no others. */
  observe(tops: ReadonlySet<NodeId>): void {
    for (const top of this.known.keys()) if (!tops.has(top)) this.known.delete(top);
    for (const top of tops) {
      const list = this.known.has(top) ? undefined : this.listAt(top);
      if (list) this.known.set(top, { list, names: new Set(list.names()) });
    }
    this.watchAll();
  }

  private watchAll(): void {
    const { staging, archive, tasks } = this.store;
    const isObserved = this.known.size > 0;
    const ofLogs = this.known.has(TOP.logs) ? [tasks, ...this.taskDirectories()] : [];
    const ofStatus = isObserved && this.followsStatus ? this.unsealedDirectories() : [];
    this.watch(isObserved ? [staging, archive, ...ofLogs, ...ofStatus] : []);
  }

  take(): FileEvent[] {
    if (this.isOld) this.compare();
    const { events } = this;
    this.events = [];
    return events;
  }

  /**
   * The names that came and went: what the kernel has cached of them must go first, or it would
   * take the event that is replayed now for an error.
   */
  takeChanges(): readonly Change[] {
    if (this.isOld) this.compare();
    const { changes } = this;
    this.changes = [];
    return changes;
  }

  /** Whether the names of any of these lists are believed: those in live/ are not. */
  get areCached(): boolean {
    return this.known.size > (this.known.has(TOP.live) ? 1 : 0);
  }

  /** Again where another directory is watched now: something may have changed in it before. */
  private compare(): void {
    this.isOld = false;
    do this.compareLists();
    while (this.followTasks());
  }

  private compareLists(): void {
    for (const [top, { list, names: before }] of this.known) {
      const { mode } = list;
      const now = new Set(list.names());
      for (const name of before) if (!now.has(name)) this.addName('delete', top, name, mode);
      for (const name of now) if (!before.has(name)) this.addName('create', top, name, mode);
      this.known.set(top, { list, names: now });
    }
  }

  /** Watches the directories of the tasks that are there now; whether any is new. */
  private followTasks(): boolean {
    if (!this.followsStatus && !this.known.has(TOP.logs)) return false;
    const before = new Set(this.watches.keys());
    this.watchAll();
    return [...this.watches.keys()].some((path) => !before.has(path));
  }

  private addName(kind: 'create' | 'delete', top: NodeId, name: string, mode: number): void {
    // The names in live/ are not believed, unless something is mounted there: it would go.
    if (top !== TOP.live) {
      this.changes.push({ directory: top, name: Buffer.from(name), node: undefined });
    }
    this.add(kind, top, name, mode);
  }

  private add(kind: 'create' | 'delete' | 'modify', top: NodeId, name: string, mode: number): void {
    this.events.push({ kind, at: { directory: top, name: Buffer.from(name) }, mode });
  }

  /** The directories of tasks that have a plain log, which grows. */
  private taskDirectories(): string[] {
    const live = this.listAt(TOP.live)?.names() ?? [];
    return live.filter(isTaskName).map((task) => taskPaths(this.store, task).directory);
  }

  /** The directories of the tasks whose records may still change. */
  private unsealedDirectories(): string[] {
    const tasks = readdirSync(this.store.staging).map(taskOfStaging);
    return tasks
      .filter((task) => task !== undefined)
      .map((task) => taskPaths(this.store, task).directory);
  }

  private watch(paths: readonly string[]): void {
    const wanted = new Set(paths);
    for (const [path, id] of this.watches) {
      if (wanted.has(path)) continue;
      this.watcher.unobservePath(id);
      this.watches.delete(path);
    }
    for (const path of wanted) if (!this.watches.has(path)) this.watchPath(path);
  }

  private watchPath(path: string): void {
    try {
      const inTask = path.startsWith(join(this.store.tasks, '/'));
      const mask = inTask ? IN.CREATE | IN.MODIFY | IN.MOVED_TO : NAMES;
      const id = this.watcher.observePath(path, mask | IN.ONLYDIR, (event) =>
        this.onEvent(path, event, inTask),
      );
      this.watches.set(path, id);
    } catch (error) {
      // The task is gone, or the user's watches are used up.
      if (!(error instanceof Errno)) throw error;
    }
  }

  private onEvent(path: string, { mask, name }: InotifyEvent, inTask: boolean): void {
    if (mask & IN.IGNORED) this.watches.delete(path);
    const isLog = name.toString() === LOG;
    const isRecord = this.followsStatus && name.toString() === RECORD;
    if (inTask && mask & IN.MODIFY) {
      const task = path.slice(this.store.tasks.length + 1);
      if (isLog) this.add('modify', TOP.logs, task + LOG_SUFFIX, S_IFREG);
    } else if (!inTask || isLog || isRecord) {
      this.isOld = true;
    }
  }
}

export const directoriesOf = (top: NodeId, names: TaskList['names']): TaskList => ({
  top,
  mode: S_IFDIR,
  names,
});

export const filesOf = (top: NodeId, names: TaskList['names']): TaskList => ({
  top,
  mode: S_IFREG,
  names,
});
