import { closeSync, constants, openSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Errno, errno, errnoOf } from '../errno.ts';
import { type AttachedDirectories, isInView, type MountView } from '../fs/index.ts';
import { LIVE_DIRECTORY } from '../mount/index.ts';
import {
  DIRECT_WRITERS,
  type Lock,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  takeLock,
  taskPaths,
} from '../store/index.ts';
import {
  cloneMount,
  MOUNT_ATTR,
  MS_PRIVATE,
  moveMount,
  O_PATH,
  openInMount,
  peekFd,
  setMountAttributes,
  setRecordLock,
} from '../sys/index.ts';
import type { ClosedEditorFiles } from './closed-editor-files.ts';
import { areEditorsAlone } from './open-editor-files.ts';
import { type CloneOptions, cloneStaging, showStatus } from './staging-mount.ts';
import { watchFile } from './watches.ts';

/** Where and how staging is attached. */
export interface AttachPlace extends CloneOptions {
  readonly store: Store;
  readonly mountpoint: string;
  /** The number of the mount's device, as in statx(2). */
  readonly device: bigint;
  /** What the server of the mount knows of it. */
  readonly attached: AttachedDirectories;
  /** The tasks that the mount shows; undefined: all. */
  readonly view: MountView | undefined;
  /** Undefined where the kernel does not say what is written. */
  readonly editorFiles: ClosedEditorFiles | undefined;
  /** Unmounts what is on live/<task>, lazily, in every mount namespace. */
  readonly detach: (task: TaskName) => void;
  /** Called when somebody waits until nobody writes to the task's files any more. */
  readonly changed: (task: TaskName) => void;
}

const PIN = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** How long (milliseconds) to wait before the kernel is asked again whether anybody writes. */
const FIRST_RETRY_MS = 10;
const RETRY_MS = 1000;

/**
 * A task whose staging is attached. For as long as anybody can write to it there, this process
 * holds the task's `writers` lock: so the task is not sealed before the kernel says that nobody
 * does, and the name live/<task> may be cached until then.
 */
export class AttachedTask {
  private readonly place: AttachPlace;
  private readonly task: TaskName;
  private readonly lock: Lock;
  private readonly ino: bigint;
  /** The number of the mount. */
  private mount = 0;
  private isReleased = false;
  private readonly stopWatching: () => void;

  private constructor(place: AttachPlace, task: TaskName, lock: Lock, ino: bigint) {
    this.place = place;
    this.task = task;
    this.lock = lock;
    this.ino = ino;
    const { writers } = taskPaths(place.store, task);
    this.stopWatching = watchFile(writers, () => place.changed(task));
  }

  /**
   * Attaches a task's staging; undefined where the task is not live, `full` where the place has no
   * more room. Throws Errno, MountedBeneath.
   */
  static async attach(
    place: AttachPlace,
    task: TaskName,
  ): Promise<AttachedTask | 'full' | undefined> {
    const lock = attachableRecord(place, task) && lockWriters(place.store, task);
    if (!lock) return undefined;
    // Read again: from here on whoever ends the task waits for the lock.
    const record = attachableRecord(place, task);
    if (!record) {
      lock.release();
      return undefined;
    }
    let attached: AttachedTask | undefined;
    try {
      const staging = pinStaging(place.store, task);
      try {
        const { ino } = peekFd(staging);
        if (!place.attached.add(ino)) {
          lock.release();
          return 'full';
        }
        attached = new AttachedTask(place, task, lock, ino);
        showStatus(staging, record);
        await attached.mountStaging(staging);
        return attached;
      } finally {
        closeSync(staging);
      }
    } catch (error) {
      attached?.release();
      lock.release();
      throw error;
    }
  }

  private async mountStaging(staging: number): Promise<void> {
    const mount = cloneStaging(staging, this.place);
    try {
      await using top = await this.openTop();
      if (peekFd(top.fd).dev !== this.place.device) throw Errno.of(errno.EBUSY);
      this.place.editorFiles?.add(mount);
      moveMount(mount, top.fd);
      this.mount = peekFd(mount).mount;
    } finally {
      // Kept open it would keep the mount in use.
      closeSync(mount);
    }
  }

  /** Not synchronously: the path leads through the mount. */
  private openTop(): Promise<FileHandle> {
    return open(this.path, PIN);
  }

  private get path(): string {
    return join(this.place.mountpoint, LIVE_DIRECTORY, this.task);
  }

  /** Shows the task's status as it is now; false where this is not its staging any more. */
  update(): boolean {
    const record = liveRecord(this.place.store, this.task);
    if (!record) return false;
    try {
      const staging = pinStaging(this.place.store, this.task);
      try {
        // Somebody put another directory in its place.
        if (peekFd(staging).ino !== this.ino) return false;
        showStatus(staging, record);
        return true;
      } finally {
        closeSync(staging);
      }
    } catch (error) {
      // It was set aside just now, or removed by hand.
      if (errnoOf(error) === errno.ENOENT) return false;
      throw error;
    }
  }

  /**
   * Detaches the staging of a task that is not live any more, as soon as nobody has a file open
   * for writing: then it can be sealed. Until then others may change nothing. From here on the
   * name is looked up each time, so that it goes from live/ with the commit.
   */
  async end(): Promise<void> {
    this.place.attached.delete(this.ino);
    await this.untilReadOnly();
    if (this.isReleased) return;
    this.place.editorFiles?.mark();
    this.place.detach(this.task);
    // Answered after all that was asked before it, and so may be cached no more.
    await stat(this.path).catch(() => {});
    this.release();
  }

  private async untilReadOnly(): Promise<void> {
    const { store } = this.place;
    const { task } = this;
    const top = await this.openTop().catch(() => undefined);
    try {
      // Not there any more where somebody unmounted it.
      if (!top || peekFd(top.fd).mount !== this.mount || makeReadOnly(top.fd)) return;
      coverReadOnly(top.fd);
      for (let pause = FIRST_RETRY_MS; !this.isReleased; pause = Math.min(RETRY_MS, 2 * pause)) {
        // All of /proc is read for this.
        if (pause < RETRY_MS && areEditorsAlone(top.fd, store, task)) return;
        await sleep(pause, undefined, { ref: false });
        if (makeReadOnly(top.fd)) return;
      }
    } finally {
      await top?.close();
    }
  }

  /** Nothing is attached any more, or the server ends: whoever writes is not waited for. */
  release(): void {
    this.isReleased = true;
    this.stopWatching();
    this.place.attached.delete(this.ino);
    this.lock.release();
  }
}

/** The record of a task that is live; undefined for any other. */
function liveRecord(store: Store, task: TaskName): TaskRecord | undefined {
  try {
    const record = readRecord(taskPaths(store, task).record, task);
    return record.artifacts === 'live' ? record : undefined;
  } catch {
    // There is none, or none that can be read.
    return undefined;
  }
}

/**
 * The record of a live task that the mount shows until it ends. In a view by status that is no
 * queued one: it may leave the view as it starts, when nobody must be cut off from its files.
 */
function attachableRecord({ store, view }: AttachPlace, task: TaskName): TaskRecord | undefined {
  const record = liveRecord(store, task);
  if (!record || !view) return record;
  const leaves = view.status !== undefined && record.status === 'queued';
  return isInView(view, record) && !leaves ? record : undefined;
}

/** Undefined where the task is being sealed. */
function lockWriters(store: Store, task: TaskName): Lock | undefined {
  const lock = takeLock(taskPaths(store, task).writers, 'shared');
  if (lock) setRecordLock(lock.fd, { ...DIRECT_WRITERS, type: 'read' });
  return lock;
}

/** Never what is mounted on it, nor what a link in its place leads to. */
function pinStaging(store: Store, task: TaskName): number {
  const all = openSync(store.staging, O_PATH | constants.O_DIRECTORY);
  try {
    return openInMount(all, task, PIN);
  } finally {
    closeSync(all);
  }
}

/** False while anybody has a file open for writing through the mount. */
function makeReadOnly(top: number): boolean {
  try {
    setMountAttributes(top, MOUNT_ATTR.RDONLY);
    return true;
  } catch (error) {
    // Any other refusal says that it is mounted no more.
    return !(error instanceof Errno && error.errno === errno.EBUSY);
  }
}

/** Mounts the same again over a mount, read-only, for all who come by its path. */
function coverReadOnly(top: number): void {
  const cover = cloneMount(top);
  try {
    setMountAttributes(cover, MOUNT_ATTR.RDONLY, MS_PRIVATE);
    moveMount(cover, top);
  } finally {
    closeSync(cover);
  }
}
