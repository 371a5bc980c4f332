import { readFileSync } from 'node:fs';
import { Errno, errno } from '../errno.ts';
import { namesOrNone } from '../sys/index.ts';
import type { Caller } from './file-system.ts';

/**
 * Descriptors that no user may use up: directories and archives that are kept open, files that a
 * call such as chown(2) opens briefly. Where few are allowed it is less: a quarter is for users.
 */
const RESERVE = 512;
/** What an open file may take: its own descriptor, and one for its locks. */
const EACH = 2;
/** The last part of what a user may open is shared out among that user's programs. */
const LAST_PART = 1 / 8;

type Opener = Pick<Caller, 'uid' | 'pid'>;
/** By handle; undefined where that is free. */
type Openers = readonly (Opener | undefined)[];

/**
 * How many files each user and program has open through the mount. In a mount that others may enter
 * no user gets more than what is left for everybody else, so that there is always something left;
 * whoever is alone may take all but the reserve. One program may take most of it; of the last part
 * none gets more than what is left for the user's others, so that those go on.
 */
export class DescriptorQuota {
  private readonly available: number;
  private readonly othersEnter: boolean;
  /** How many each user has open; users stay, as they are few. */
  private readonly byUser = new Map<number, number>();
  /** Whose files are open, one list for each table of handles. */
  private readonly openers: Openers[] = [];
  private open = 0;

  /** `limit`: how many descriptors this process may have. */
  constructor(othersEnter: boolean, limit = openFilesLimit()) {
    this.othersEnter = othersEnter;
    const forUsers = Math.max(limit / 4, limit - RESERVE);
    this.available = Math.floor(forUsers / (othersEnter ? EACH : 1));
  }

  /** Counts these as well, as they are whenever a user's or program's part matters. */
  follow(openers: Openers): void {
    this.openers.push(openers);
  }

  /** Throws EMFILE where a program may open nothing more. */
  assertFree({ uid, pid }: Opener): void {
    const left = this.leftFor(uid);
    if (left < 1 || (this.isScarce(left) && this.ofProgram(pid) >= left))
      throw Errno.of(errno.EMFILE);
  }

  /** To be called for what a user opens (1), and closes (-1). */
  count({ uid }: Opener, by: 1 | -1): void {
    this.open += by;
    this.byUser.set(uid, this.ofUser(uid) + by);
  }

  /**
   * Takes one more descriptor, for the locks of an open file, unless few are left. Where others
   * enter each file has one already.
   */
  takeForLocks(): boolean {
    if (this.othersEnter) return true;
    if (this.isScarce(this.available - this.open)) return false;
    this.open++;
    return true;
  }

  /** The descriptor that was taken for locks is closed, or was not of use. */
  releaseForLocks(): void {
    if (!this.othersEnter) this.open--;
  }

  private isScarce(left: number): boolean {
    return left < this.available * LAST_PART;
  }

  private leftFor(uid: number): number {
    const left = this.available - this.open;
    return this.othersEnter ? left - this.ofUser(uid) : left;
  }

  private ofUser(uid: number): number {
    return this.byUser.get(uid) ?? 0;
  }

  private ofProgram(pid: number): number {
    const threads = threadsBeside(pid);
    let count = 0;
    for (const list of this.openers) {
      for (const opener of list) if (opener && threads.has(opener.pid)) count++;
    }
    return count;
  }
}

/** The threads of the program that a thread belongs to; this alone where they are not shown. */
const threadsBeside = (thread: number): ReadonlySet<number> =>
  new Set([thread, ...namesOrNone(`/proc/${thread}/task`).map(Number)]);

/** The soft limit of this process; where the system does not say, there is none. */
function openFilesLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
