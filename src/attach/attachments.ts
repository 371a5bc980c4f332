import { readdirSync } from 'node:fs';
import { errno, errnoOf, unlessRefused } from '../errno.ts';
import { messageOf } from '../errors.ts';
import { type AttachedDirectories, type MountView, ROOT, type Served, TOP } from '../fs/index.ts';
import { LIVE_DIRECTORY } from '../mount/index.ts';
import { type Store, type TaskName, taskOfStaging } from '../store/index.ts';
import { AttachedTask, type AttachPlace } from './attached-task.ts';
import { ClosedEditorFiles } from './closed-editor-files.ts';
import type { CloneOptions } from './staging-mount.ts';
import { watchNames } from './watches.ts';

/**
 * How many tasks are attached at a time: a table of mounts that is read and copied by many
 * programs must not grow with the number of tasks.
 */
export const ATTACH_LIMIT = 256;

export interface AttachOptions extends CloneOptions {
  readonly store: Store;
  readonly mountpoint: string;
  /** The number of the mount's device, as in statx(2). */
  readonly device: bigint;
  readonly attached: AttachedDirectories;
  /** The tasks that the mount shows; undefined: all. */
  readonly view: MountView | undefined;
  readonly forgetName: NonNullable<Served['forgetName']>;
  readonly untilNotified: Served['untilNotified'];
  /** Takes sentences for the log of the server. */
  readonly log: (words: string) => void;
}

/** The live tasks of a mount, attached as their staging appears and detached as they end. */
export class Attachments {
  private readonly options: AttachOptions;
  private readonly place: AttachPlace;
  private readonly tasks = new Map<TaskName, AttachedTask>();
  /** Tasks that something is done for now, and those of them for which there is more to do. */
  private readonly busy = new Map<TaskName, Promise<void>>();
  private readonly again = new Set<TaskName>();
  /** Live tasks that there is no room for. */
  private readonly waiting = new Set<TaskName>();
  private readonly stopWatching: () => void;
  private isClosed = false;

  constructor(options: AttachOptions) {
    this.options = options;
    const { forgetName, store } = options;
    this.place = {
      ...options,
      // Not as the root of a container: the kernel tells the machine's own.
      editorFiles: unlessRefused(() => new ClosedEditorFiles(store)),
      detach: (task) => forgetName(TOP.live, task),
      changed: (task) => this.follow(task),
    };
    this.stopWatching = watchNames(store.staging, (name) => this.changed(name));
    this.changed(undefined);
  }

  private changed(name: string | undefined): void {
    const names = name === undefined ? [...this.tasks.keys(), ...this.listed()] : [name];
    for (const task of new Set(names.map(taskOfStaging))) {
      if (task !== undefined) this.follow(task);
    }
  }

  private listed(): string[] {
    try {
      return readdirSync(this.options.store.staging);
    } catch (error) {
      this.options.log(`the tasks of live/ cannot be listed: ${messageOf(error)}`);
      return [];
    }
  }

  /** One after the other for each task. */
  private follow(task: TaskName): void {
    if (this.isClosed) return;
    if (this.busy.has(task)) {
      this.again.add(task);
      return;
    }
    const done = this.bringUpToDate(task)
      .catch((error) => this.report(task, error))
      .finally(() => {
        this.busy.delete(task);
        if (this.again.delete(task)) this.follow(task);
      });
    this.busy.set(task, done);
  }

  /** Resolves when the tasks that are there now are attached. */
  async ready(): Promise<void> {
    await Promise.all(this.busy.values());
  }

  private async bringUpToDate(task: TaskName): Promise<void> {
    const known = this.tasks.get(task);
    if (!known) return this.attach(task);
    if (known.update()) return;
    await known.end();
    this.tasks.delete(task);
    this.attachNext();
    // Another directory may have taken the place of its staging.
    return this.attach(task);
  }

  private async attach(task: TaskName): Promise<void> {
    // Once something is mounted on its name, the kernel cannot be made to say that it is new.
    await this.options.untilNotified?.(TOP.live, task);
    const attached = await AttachedTask.attach(this.place, task).catch((error) =>
      this.report(task, error),
    );
    if (attached === 'full') return this.wait(task);
    if (!attached) {
      if (this.waiting.delete(task)) this.attachNext();
    } else if (this.isClosed) {
      this.place.detach(task);
      attached.release();
    } else {
      this.waiting.delete(task);
      this.tasks.set(task, attached);
      // The task may have ended meanwhile.
      this.again.add(task);
    }
  }

  private wait(task: TaskName): void {
    if (this.waiting.size === 0) {
      this.options.log(
        `${ATTACH_LIMIT} tasks are attached, as many as may be: live/${task}, and what comes ` +
          'after it, goes through FUSE until one of them has ended',
      );
    }
    this.waiting.add(task);
  }

  private attachNext(): void {
    const [next] = this.waiting;
    if (next !== undefined) this.follow(next);
  }

  private report(task: TaskName, error: unknown): undefined {
    // It has gone while it was looked at, or the mount has.
    if (GONE.includes(errnoOf(error))) return;
    this.options.log(`live/${task} goes through FUSE: ${messageOf(error)}`);
  }

  /** Detaches everything, whoever uses it; the server ends. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.stopWatching();
    this.place.editorFiles?.mark();
    this.place.editorFiles?.close();
    this.options.forgetName(ROOT, LIVE_DIRECTORY);
    for (const attached of this.tasks.values()) attached.release();
  }
}

const GONE: readonly number[] = [errno.ENOENT, errno.ENOTDIR, errno.ENOTCONN];
