import { Errno, errno } from '../errno.ts';
import type { FileSystem, HandleId, NodeId } from '../fs/index.ts';

const WHOLE_FILE = { start: 0n, end: 0x7fffffffffffffffn, pid: 0 } as const;

/**
 * Remembers which lock owners hold record locks on which node. POSIX drops all locks of a process
 * on a file when it closes any descriptor of it, which the protocol reports as a FLUSH with the
 * owner. Files that were opened only to read, or created only to write, are not flushed: their
 * locks are dropped with the open file by which they were taken.
 */
export class LockOwners {
  private readonly byNode = new Map<NodeId, Set<bigint>>();
  private readonly byHandle = new Map<HandleId, Set<bigint>>();

  add(node: NodeId, handle: HandleId, owner: bigint): void {
    insert(this.byNode, node, owner);
    insert(this.byHandle, handle, owner);
  }

  /** The owner closed a descriptor of the node: its locks go. Returns whether it had any. */
  drop(fileSystem: FileSystem, node: NodeId, handle: HandleId, owner: bigint): boolean {
    const owners = this.byNode.get(node);
    if (!owners?.delete(owner)) return false;
    if (owners.size === 0) this.byNode.delete(node);
    fileSystem.setlk(handle, owner, { type: 'unlock', ...WHOLE_FILE });
    return true;
  }

  /** The last descriptor of an open file is closed: the locks taken through it go. */
  dropHandle(fileSystem: FileSystem, node: NodeId, handle: HandleId): void {
    const owners = this.byHandle.get(handle);
    if (!owners) return;
    this.byHandle.delete(handle);
    for (const owner of owners) this.drop(fileSystem, node, handle, owner);
  }
}

function insert<Key>(sets: Map<Key, Set<bigint>>, key: Key, owner: bigint): void {
  const known = sets.get(key);
  if (known) known.add(owner);
  else sets.set(key, new Set([owner]));
}

/** A SETLKW or a waiting flock whose reply is still owed. */
export interface Waiting {
  /** Tries to take the lock; throws EAGAIN while somebody holds it. */
  readonly attempt: () => void;
  /** Who waits; undefined for flock(2), of which the kernel detects no deadlocks either. */
  readonly owner: bigint | undefined;
  /** Whose lock is in the way, if it was taken through this mount. */
  readonly holder: () => bigint | undefined;
}

/** As many owners as the kernel follows on other file systems. */
const LONGEST_CIRCLE = 10;

/** Sends the reply to a request that waited: `error` is 0 or an errno number. */
export type ReplyToWait = (unique: number, error: number) => void;

/**
 * Requests that wait for a lock, oldest first. The loop must not wait with them: it tries again
 * after each request that may have freed one, and from time to time, since the holder may be a
 * process in staging of which the mount knows nothing.
 */
export class WaitingLocks {
  private readonly waiting = new Map<number, Waiting>();
  private readonly reply: ReplyToWait;

  constructor(reply: ReplyToWait) {
    this.reply = reply;
  }

  get size(): number {
    return this.waiting.size;
  }

  /** Throws EDEADLK where whoever is in the way waits, by way of others perhaps, for this one. */
  add(unique: number, waiting: Waiting): void {
    if (closesCircle(waiting, this.byOwner())) throw Errno.of(errno.EDEADLK);
    this.waiting.set(unique, waiting);
  }

  private byOwner(): Map<bigint | undefined, Waiting> {
    return new Map([...this.waiting.values()].map((waiting) => [waiting.owner, waiting]));
  }

  /** A signal ended the wait (INTERRUPT): the call fails with EINTR. */
  interrupt(unique: number): void {
    if (this.waiting.delete(unique)) this.reply(unique, errno.EINTR);
  }

  /**
   * Tries every lock again, and answers those that were taken or failed otherwise. The lock in the
   * way may be another by now, and close a circle: the kernel checks again on other file systems
   * too.
   */
  retry(): void {
    if (this.waiting.size === 0) return;
    const byOwner = this.byOwner();
    for (const [unique, waiting] of this.waiting) {
      const refusal = outcome(waiting.attempt);
      const isCircle = refusal === errno.EAGAIN && closesCircle(waiting, byOwner);
      if (refusal === errno.EAGAIN && !isCircle) continue;
      // Who is answered waits no longer: one refusal breaks the circle.
      if (byOwner.get(waiting.owner) === waiting) byOwner.delete(waiting.owner);
      this.waiting.delete(unique);
      this.reply(unique, isCircle ? errno.EDEADLK : refusal);
    }
  }
}

/** Whether whoever is in the way waits, by way of others perhaps, for this one. */
function closesCircle(
  { owner, holder }: Waiting,
  byOwner: ReadonlyMap<bigint | undefined, Waiting>,
): boolean {
  let next = owner === undefined ? undefined : holder();
  for (let steps = 0; next !== undefined && steps < LONGEST_CIRCLE; steps++) {
    if (next === owner) return true;
    next = byOwner.get(next)?.holder();
  }
  return false;
}

function outcome(attempt: () => void): number {
  try {
    attempt();
    return 0;
  } catch (error) {
    return error instanceof Errno ? error.errno : errno.EIO;
  }
}
