import { performance } from 'node:perf_hooks';
import { Errno, errno } from '../errno.ts';
import { ABORTED, type Device, EMPTY, UNMOUNTED } from './device.ts';
import { handlers } from './handlers/index.ts';
import { answers } from './inotify/answers.ts';
import { InvalidationFeed } from './invalidation-feed.ts';
import type { Polling } from './polling.ts';
import { OP, opcodeName } from './protocol/opcode.ts';
import type { Reply } from './protocol/reply.ts';
import type { Request } from './protocol/request.ts';
import { NO_REPLY, type Session } from './session.ts';

/** How often (milliseconds) waiting locks are tried again: processes in staging may hold them. */
const LOCK_RETRY_MS = 10;
const FOR_EVER = Number.POSITIVE_INFINITY;

/** How a connection ended: the mount is gone, or it is dead and may still be there. */
export type Outcome = 'unmounted' | 'aborted';

/** Serves requests one after the other until the connection ends. Blocks its thread. */
export function serveRequests(
  device: Device,
  session: Session,
  polling: Polling,
  request: Request,
  reply: Reply,
): Outcome {
  const feed = new InvalidationFeed(session);
  for (;;) {
    const length = next(device, session, polling, feed, request.bytes);
    if (length === UNMOUNTED) return 'unmounted';
    if (length === ABORTED) return 'aborted';
    request.accept(length);
    answer(device, session, request, reply);
  }
}

/** Waits for the next request and returns its length, or UNMOUNTED or ABORTED. */
function next(
  device: Device,
  session: Session,
  polling: Polling,
  feed: InvalidationFeed,
  into: Buffer,
): number {
  // Nobody waits for the notifier, and what it asks changes nothing.
  if (session.replayer?.isAsking) {
    feed.passOverdue();
    return sleepUntilNext(device, session, feed, into);
  }
  feed.pass();
  let length = device.read(into);
  // Several clients, one that waits for no reply, or one that was given this processor when the
  // last reply woke it: the request was there already.
  if (length !== EMPTY) return length;
  const { budget } = polling;
  const start = performance.now();
  if (budget > 0) {
    const end = start + budget / 1000;
    while (length === EMPTY && performance.now() < end) length = device.read(into);
    if (length !== EMPTY) return arrived(polling, start, length);
  }
  return arrived(polling, start, sleepUntilNext(device, session, feed, into));
}

function sleepUntilNext(
  device: Device,
  session: Session,
  feed: InvalidationFeed,
  into: Buffer,
): number {
  for (;;) {
    sleep(device, session, feed);
    const length = device.isReadable ? device.read(into) : EMPTY;
    if (length !== EMPTY) return length;
    session.waitingLocks.retry();
  }
}

function arrived(polling: Polling, start: number, length: number): number {
  polling.waited((performance.now() - start) * 1000);
  return length;
}

function sleep(device: Device, session: Session, feed: InvalidationFeed): void {
  const lockMs = session.waitingLocks.size > 0 ? LOCK_RETRY_MS : FOR_EVER;
  const settleMs = session.fileSystem.settle?.() ?? FOR_EVER;
  const feedMs = feed.beforeSleep();
  const limit = Math.min(feedMs, lockMs, settleMs);
  const timeout = limit === FOR_EVER ? -1 : Math.ceil(limit);
  if (device.wait(timeout, feed.listens)) feed.reported();
  else if (!device.isReadable && feedMs <= limit) feed.pass();
}

/** Handles one request and sends its one reply, whatever the handler does. */
export function answer(
  device: Pick<Device, 'write'>,
  session: Session,
  request: Request,
  reply: Reply,
): void {
  const { unique, opcode } = request;
  const length = handle(session, request, reply);
  if (length === NO_REPLY) return;
  const error = device.write(reply.bytes, length);
  // EINVAL: the kernel rejected the reply as malformed, and the caller would wait for ever.
  if (error === errno.EINVAL) device.write(reply.bytes, reply.refuse(unique, errno.EIO));
  if (opcode === OP.INIT && session.connection && error === 0) session.onReady();
}

/** Returns the length of the reply that was built, or NO_REPLY. */
function handle(session: Session, request: Request, reply: Reply): number {
  const { unique, opcode } = request;
  const isReplay = session.replayer?.isNotifier(request.thread) ?? false;
  if (!isReplay) session.uses?.add(opcode, request.thread);
  const handler = (isReplay && answers.get(opcode)) || handlers.get(opcode);
  if (!handler) return wantsNoReply(opcode) ? NO_REPLY : reply.refuse(unique, errno.ENOSYS);
  try {
    const length = handler(session, request, reply);
    return length === NO_REPLY ? NO_REPLY : reply.finish(unique, length);
  } catch (error) {
    const refusal = refusalOf(session, opcode, error);
    return wantsNoReply(opcode) ? NO_REPLY : reply.refuse(unique, refusal);
  }
}

/** The errno number of what a handler threw; what nobody foresaw is EIO, and reported. */
function refusalOf({ fileSystem, onFault }: Session, opcode: number, error: unknown): number {
  if (error instanceof Errno) return error.errno;
  const refusal = fileSystem.toErrno?.(error);
  if (!refusal) onFault(opcodeName(opcode), error);
  return refusal?.errno ?? errno.EIO;
}

const wantsNoReply = (opcode: number): boolean =>
  opcode === OP.FORGET ||
  opcode === OP.BATCH_FORGET ||
  opcode === OP.INTERRUPT ||
  opcode === OP.NOTIFY_REPLY;
