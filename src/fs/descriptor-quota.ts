import { readFileSync } from 'node:fs';
import { Errno, errno } from '../errno.ts';

/**
 * Descriptors that no user may use up: directories and archives that are kept open, files that a
 * call such as chown(2) opens briefly. Where few are allowed it is less: a quarter is for users.
 */
const RESERVE = 384;
/** What an open file may take: its own descriptor, and one for its locks. */
const EACH = 2;

/**
 * How many files each user has open through the mount. In a mount that others may enter nobody
 * gets more than what is left for everybody else, so that there is always something left; whoever
 * is alone may take all but the reserve.
 */
export class DescriptorQuota {
  private readonly available: number;
  private readonly othersEnter: boolean;
  private readonly byUser = new Map<number, number>();
  private open = 0;

  /** `limit`: how many descriptors this process may have. */
  constructor(othersEnter: boolean, limit = openFilesLimit()) {
    this.othersEnter = othersEnter;
    this.available = Math.max(limit / 4, limit - RESERVE) / (othersEnter ? EACH : 1);
  }

  /** Throws EMFILE where a user may open nothing more. */
  assertFree(uid: number): void {
    const own = this.byUser.get(uid) ?? 0;
    const left = this.available - this.open;
    if (this.othersEnter ? own >= left : left < 1) throw Errno.of(errno.EMFILE);
  }

  take(uid: number): void {
    this.open++;
    this.byUser.set(uid, (this.byUser.get(uid) ?? 0) + 1);
  }

  release(uid: number): void {
    this.open--;
    const left = (this.byUser.get(uid) ?? 0) - 1;
    if (left > 0) this.byUser.set(uid, left);
    else this.byUser.delete(uid);
  }
}

/** The soft limit of this process; where the system does not say, there is none. */
function openFilesLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
