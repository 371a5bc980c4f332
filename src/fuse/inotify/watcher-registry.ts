import type { NodeId } from '../../fs/index.ts';
import { descriptorsOf, processOf, type WatchedNode, watchedNodes } from './watchers.ts';

/**
 * When (milliseconds) after a process has used the mount its watches are read: whoever watches a
 * directory goes there first, and reads it soon before or after.
 */
const SCANS_MS = [5, 40, 250, 1500] as const;
/** How often (milliseconds) watches are read again, for those that were removed. */
const AGAIN_MS = 1000;
/** So many processes are scanned in a second: whoever starts more is scanned later, or never. */
const SCANS_A_SECOND = 200;

/** One of the connections that a mount consists of. */
interface Followed {
  readonly changed: (nodes: readonly NodeId[]) => void;
  /** What was reported last. */
  known: string;
}

/**
 * The processes that watch a mount, and what of it. Scanned are those that use the mount, a little
 * later each, and again those that watch it: where nobody uses the mount nothing is done.
 */
export class WatcherRegistry {
  /** By device number. */
  private readonly followed = new Map<number, Followed>();
  /** By process. */
  private readonly watchers = new Map<number, readonly WatchedNode[]>();
  /** How many scans each process has had since it used the mount. */
  private readonly due = new Map<number, number>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private again: NodeJS.Timeout | undefined;
  private budget = SCANS_A_SECOND;
  private budgetFrom = 0;

  /**
   * `changed` is called with all watched nodes of the file system with this device number, whenever
   * they are others than before.
   */
  follow(device: number, changed: (nodes: readonly NodeId[]) => void): void {
    this.followed.set(device, { changed, known: '' });
  }

  unfollow(device: number): void {
    this.followed.delete(device);
    if (this.followed.size > 0) return;
    for (const timer of this.timers) clearTimeout(timer);
  }

  /** These threads have used the mount. */
  used(threads: readonly number[]): void {
    for (const process of new Set(threads.map(processOf))) {
      if (process === undefined) continue;
      const isNew = !this.due.has(process);
      this.due.set(process, 0);
      if (isNew) this.plan(process);
    }
  }

  private plan(process: number): void {
    const step = this.due.get(process) ?? 0;
    const delay = SCANS_MS[step];
    if (delay === undefined) {
      this.due.delete(process);
      return;
    }
    this.after(delay, () => {
      this.due.set(process, (this.due.get(process) ?? 0) + 1);
      if (this.scan(process)) this.plan(process);
      else this.due.delete(process);
    });
  }

  /** Returns false where there is nothing to be seen: it has ended, or is another user's. */
  private scan(process: number): boolean {
    if (!this.mayScan()) return true;
    const descriptors = descriptorsOf(process);
    const nodes = watchedNodes(process, descriptors, [...this.followed.keys()]);
    if (nodes.length > 0) this.watchers.set(process, nodes);
    else this.watchers.delete(process);
    this.publish();
    return descriptors.length > 0;
  }

  private mayScan(): boolean {
    const now = Date.now();
    if (now - this.budgetFrom >= 1000) {
      this.budgetFrom = now;
      this.budget = SCANS_A_SECOND;
    }
    return this.budget-- > 0;
  }

  private publish(): void {
    this.keepScanning();
    const all = [...this.watchers.values()].flat();
    for (const [device, followed] of this.followed) {
      const ours = all.filter((each) => each.device === device).map(({ node }) => node);
      const nodes = [...new Set(ours)].sort((one, two) => one - two);
      const text = nodes.join();
      if (text === followed.known) continue;
      followed.known = text;
      followed.changed(nodes);
    }
  }

  private keepScanning(): void {
    if (this.watchers.size === 0 || this.again) return;
    this.again = this.after(AGAIN_MS, () => {
      this.again = undefined;
      for (const process of [...this.watchers.keys()]) this.scan(process);
    });
  }

  private after(ms: number, action: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, ms).unref();
    this.timers.add(timer);
    return timer;
  }
}
