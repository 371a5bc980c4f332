import { isUtf8 } from 'node:buffer';
import { closeSync, constants, openSync } from 'node:fs';
import { type Hint, Hints, hasUnwatchable, locate } from './hints.ts';
import { scanDirectory, scanNames, scanTree } from './scan.ts';
import { type Change, LiveTree } from './tree.ts';

/** Between scans of the whole tree: milliseconds, at least, and a multiple of what one takes. */
interface ScanInterval {
  readonly atLeast: number;
  readonly timesCost: number;
}

/**
 * Even where every directory is watched, the kernel does not report everything: writes through
 * mmap raise no event, and a full queue drops them. Costs 1% of a core at most.
 */
const WATCHED: ScanInterval = { atLeast: 5_000, timesCost: 100 };
/** Where the kernel cannot report. Costs 4% of a core at most. */
const POLLED: ScanInterval = { atLeast: 1_000, timesCost: 25 };
/** The longest that a listing waits for its turn in a large directory that never rests. */
const LONGEST_WAIT = 500;
const TIMES_COST = 20;

/** The live picture of one staging directory. */
export class StagingWatch {
  readonly tree = new LiveTree();
  private readonly path: string;
  private readonly fd: number;
  private readonly hints: Hints;
  private listingAt = 0;
  private nextSweep = 0;
  private interval = 0;
  private polled = false;

  /**
   * Opens the picture, empty until its first refresh; `wake` is called when there is something to
   * refresh. Throws ENOENT.
   */
  constructor(path: string, wake: () => void) {
    this.path = path;
    this.fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    this.hints = new Hints(path, wake);
  }

  /** Resolves when changes are noticed; what happened before then, the next refresh finds. */
  async start(): Promise<void> {
    await this.hints.start();
    this.nextSweep = 0;
  }

  async close(): Promise<void> {
    await this.hints.close();
    closeSync(this.fd);
  }

  /** Why the tree is polled, in words; undefined while the kernel reports changes. */
  get note(): string | undefined {
    if (!this.polled) return undefined;
    const why =
      this.hints.trouble ?? 'a directory has a name that is not UTF-8 and cannot be watched';
    return `${why}; scanning every ${(this.interval / 1000).toFixed(1)} s instead`;
  }

  /** When the next scan of the whole tree is due, in milliseconds of performance.now(). */
  get dueAt(): number {
    return this.nextSweep;
  }

  /** Scans where something may have happened; everything when that is due or asked for. */
  refresh(everywhere: boolean): Change[] {
    const start = performance.now();
    if (everywhere || start >= this.nextSweep || this.hints.overflowed) return this.sweep(start);
    const mayList = start >= this.listingAt;
    const changes: Change[] = [];
    for (const [directory, hint] of this.hints.take()) {
      changes.push(...this.follow(directory, hint, mayList));
    }
    if (this.hints.trouble !== undefined || changes.some(isUnwatchable)) this.hasten();
    const end = performance.now();
    if (mayList) this.listingAt = end + Math.min((end - start) * TIMES_COST, LONGEST_WAIT);
    return changes;
  }

  private sweep(start: number): Change[] {
    this.hints.take();
    const changes = scanTree(this.tree, this.fd);
    this.polled = this.hints.trouble !== undefined || hasUnwatchable(this.tree.root);
    const end = performance.now();
    const between = this.polled ? POLLED : WATCHED;
    this.interval = Math.max(between.atLeast, (end - start) * between.timesCost);
    this.nextSweep = end + this.interval;
    return changes;
  }

  /**
   * From now on the tree is polled: the next scan must not be as far away as while it is watched.
   */
  private hasten(): void {
    if (!this.polled) this.nextSweep = Math.min(this.nextSweep, performance.now() + POLLED.atLeast);
  }

  private follow(directory: string, hint: Hint, mayList: boolean): Change[] {
    const { node, exact } = locate(this.tree, this.path, directory);
    if (exact && hint !== 'anything') {
      const names = Array.from(hint, (name) => Buffer.from(name));
      return scanNames(this.tree, this.fd, node, names);
    }
    if (mayList) return scanDirectory(this.tree, this.fd, node);
    this.hints.putBack(directory);
    return [];
  }
}

function isUnwatchable({ action, node }: Change): boolean {
  return action === 'add' && node.entry.kind === 'directory' && !isUtf8(node.name);
}
