import { lstatSync } from 'node:fs';
import type { FindIdentities } from '../../artifacts/index.ts';
import { messageOf } from '../../errors.ts';
import { type Store, type TaskName, taskPaths } from '../../store/index.ts';
import {
  type FileEvent,
  LiveTree,
  scanArchive,
  Watch,
  type WatchEvent,
} from '../../watch/index.ts';
import type { StreamEvents } from '../protocol.ts';
import { TaskList } from './task-list.ts';
import { changesOf, entriesOf } from './tree-entries.ts';

/** How often the list and the size of a log are read, in milliseconds. */
const REFRESH_MS = 400;
/** Changes of files within so many milliseconds are sent together. */
const DEBOUNCE_MS = 500;

/**
 * How long watching continues when nobody listens: a page that is loaded again comes back at once.
 */
const LINGER_MS = 10_000;

/** Takes events of the stream, each with its name. */
export type Send = <Name extends keyof StreamEvents>(name: Name, data: StreamEvents[Name]) => void;

/** One page that listens: to the list of tasks, and to the files of one task. */
interface Listener {
  readonly send: Send;
  readonly task: TaskName | undefined;
  /** Of the list, as the page has it. */
  version: number;
  /** Whether it has been sent the files, and been refused them. */
  tree: 'missing' | 'asked' | 'sent';
  logSize: number;
}

export interface FeedOptions {
  readonly store: Store;
  readonly findIdentities: FindIdentities;
  /** A task was removed. */
  readonly onGone: (task: TaskName) => void;
}

/**
 * What happens to tasks and files, for all pages that listen. While none does, nothing is watched
 * and nothing is read.
 */
export class Feed implements AsyncDisposable {
  readonly list: TaskList;
  private readonly options: FeedOptions;
  private readonly listeners = new Set<Listener>();
  private watch: Watch | undefined;
  private timer: NodeJS.Timeout | undefined;
  private idle: NodeJS.Timeout | undefined;

  constructor(options: FeedOptions) {
    this.options = options;
    this.list = new TaskList(options.store);
  }

  /**
   * Sends the list since a version, the files of the task, and then what happens, until what is
   * returned is called.
   */
  listen(task: TaskName | undefined, version: number, send: Send): () => void {
    const listener: Listener = { send, task, version, tree: 'missing', logSize: -1 };
    this.listeners.add(listener);
    clearTimeout(this.idle);
    if (!this.watch) this.start();
    this.refresh();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.idle = setTimeout(() => void this.stop(), LINGER_MS);
    };
  }

  /** Sends what was changed just now without waiting for the next time. */
  refresh(): void {
    if (!this.watch) return;
    for (const task of this.list.refresh(this.watch)) this.options.onGone(task);
    for (const listener of this.listeners) this.update(listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.listeners.clear();
    return this.stop();
  }

  private start(): void {
    const { store, findIdentities } = this.options;
    const watch = new Watch(store, undefined, { debounceMs: DEBOUNCE_MS, findIdentities });
    this.watch = watch;
    this.timer = setInterval(() => this.attempt(() => this.refresh()), REFRESH_MS);
    this.follow(watch).catch((error) => this.tryAgain(error));
  }

  private attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      void this.tryAgain(error);
    }
  }

  /** A store that cannot be read now may be readable later. */
  private async tryAgain(error: unknown): Promise<void> {
    const message = `The store cannot be read: ${messageOf(error)}`;
    for (const { send } of this.listeners) send('note', { message });
    await this.stop().catch(() => {});
    this.idle = setTimeout(
      () => this.listeners.size > 0 && this.attempt(() => this.start()),
      LINGER_MS,
    );
  }

  private async stop(): Promise<void> {
    clearTimeout(this.idle);
    clearInterval(this.timer);
    const { watch } = this;
    this.watch = undefined;
    await watch?.close();
  }

  private async follow(watch: Watch): Promise<void> {
    for (let events = await watch.next(); events; events = await watch.next()) {
      for (const [task, own] of byTask(events)) this.report(task, own);
      this.refresh();
    }
  }

  private report(task: string, events: readonly WatchEvent[]): void {
    const changes = changesOf(events.filter(isFileEvent));
    const notes = events.filter((event) => event.type === 'note');
    for (const { send, task: wanted, tree } of this.listeners) {
      if (wanted !== task) continue;
      if (tree === 'sent' && changes.put.length + changes.removed.length > 0) {
        send('changes', changes);
      }
      for (const { message } of notes) send('note', { message });
    }
  }

  private update(listener: Listener): void {
    const news = this.list.since(listener.version);
    if (listener.version === 0 || news.version !== listener.version) {
      listener.send('tasks', news);
    }
    listener.version = news.version;
    if (listener.task === undefined) return;
    this.sendLogSize(listener, listener.task);
    if (listener.tree === 'missing') this.sendTree(listener, listener.task);
  }

  private sendLogSize(listener: Listener, task: TaskName): void {
    const path = taskPaths(this.options.store, task).log;
    const size = lstatSync(path, { throwIfNoEntry: false })?.size ?? listener.logSize;
    if (size === listener.logSize) return;
    listener.logSize = size;
    listener.send('log', { size });
  }

  private sendTree(listener: Listener, task: TaskName): void {
    const watched = this.watch?.tasks.get(task);
    if (watched?.tree) {
      listener.tree = 'sent';
      listener.send('tree', { entries: entriesOf(watched.tree) });
    } else if (watched?.record.artifacts === 'sealed') {
      listener.tree = 'asked';
      void this.sendArchive(listener, task);
    }
  }

  private async sendArchive(listener: Listener, task: TaskName): Promise<void> {
    const { store, findIdentities } = this.options;
    const tree = new LiveTree();
    try {
      await scanArchive(tree, store, task, findIdentities);
      listener.send('tree', { entries: entriesOf(tree) });
      listener.tree = 'sent';
    } catch (error) {
      listener.send('note', { message: `The archive does not open: ${messageOf(error)}` });
    }
  }
}

const isFileEvent = (event: WatchEvent): event is FileEvent =>
  event.type === 'add' || event.type === 'change' || event.type === 'remove';

function byTask(events: readonly WatchEvent[]): Map<string, WatchEvent[]> {
  return Map.groupBy(events, ({ task }) => task);
}
