import type { Change, FileSystem, HandleId, NodeId } from '../fs/index.ts';
import type { Replayer } from './inotify/replayer.ts';
import type { LockOwners, WaitingLocks } from './locks.ts';
import type { Connection, Requested } from './protocol/init.ts';
import type { Reply } from './protocol/reply.ts';
import type { Request } from './protocol/request.ts';
import type { SpliceReader } from './splice-read.ts';
import type { UseCounter } from './use-counter.ts';

/** What the handlers of one mount share. */
export interface Session {
  readonly fileSystem: FileSystem;
  readonly requested: Requested;
  /** Sends a notification to the kernel. */
  readonly notify: (message: Buffer) => void;
  readonly spliceReader: SpliceReader;
  readonly lockOwners: LockOwners;
  readonly waitingLocks: WaitingLocks;
  /** Negotiated by INIT; undefined before. */
  connection: Connection | undefined;
  /** Called once, after the kernel has taken the answer to INIT. */
  readonly onReady: () => void;
  /** Has the kernel's caches of these changes invalidated, by another thread. */
  readonly invalidate: (changes: readonly Change[]) => void;
  /** Repeats changes beneath through the mount, where that is wanted. */
  readonly replayer: Replayer | undefined;
  /** Has the kernel drop the pages of a node soon, those that it is being sent included. */
  readonly dropPages: (node: NodeId) => void;
  /** Counts what programs ask, where somebody wants to know. */
  readonly uses: UseCounter | undefined;
  /** Called for what a handler threw that is no Errno; the caller got EIO. */
  readonly onFault: (operation: string, error: unknown) => void;
}

/** From a handler: the request wants no reply, or one is sent later. */
export const NO_REPLY = -1;

/**
 * Carries out one request: reads its struct, calls the file system, writes the reply's struct.
 * Returns the length of the reply's body, or NO_REPLY. A refusal is a thrown Errno.
 */
export type Handler = (session: Session, request: Request, reply: Reply) => number;

/**
 * The handle that a request names in the field at `offset`. A stateless file system gives out
 * none: its nodes are their own handles.
 */
export const handleOf = ({ requested }: Session, request: Request, offset: number): HandleId =>
  requested.stateless ? request.node : request.u64(offset);
