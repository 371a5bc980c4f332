import { Errno, errno } from '../../errno.ts';
import type { RangeLock } from '../../fs/index.ts';
import type { Waiting } from '../locks.ts';
import { LK_FLOCK, LOCK } from '../protocol/constants.ts';
import { Reply } from '../protocol/reply.ts';
import type { Request } from '../protocol/request.ts';
import { fileLock, lkIn, lkOut } from '../protocol/structs.ts';
import { type Handler, NO_REPLY, type Session } from '../session.ts';

/** Handlers of fcntl(2) and flock(2) locks. */

const typeNames = new Map<number, RangeLock['type']>([
  [LOCK.READ, 'read'],
  [LOCK.WRITE, 'write'],
  [LOCK.UNLOCK, 'unlock'],
]);

function rangeOf(request: Request): RangeLock {
  const at = lkIn.at.lk;
  const type = typeNames.get(request.u32(at + fileLock.at.type));
  if (!type) throw Errno.of(errno.EINVAL);
  return {
    type,
    start: request.bigU64(at + fileLock.at.start),
    end: request.bigU64(at + fileLock.at.end),
    pid: request.u32(at + fileLock.at.pid),
  };
}

export const getlk: Handler = ({ fileSystem }, request, reply) => {
  const handle = request.u64(lkIn.at.fh);
  const held = fileSystem.getlk(handle, request.bigU64(lkIn.at.owner), rangeOf(request));
  const at = Reply.body + lkOut.at.lk;
  reply.clear(lkOut.size);
  if (!held) {
    reply.view.setUint32(at + fileLock.at.type, LOCK.UNLOCK, true);
    return lkOut.size;
  }
  reply.view.setBigUint64(at + fileLock.at.start, held.start, true);
  reply.view.setBigUint64(at + fileLock.at.end, held.end, true);
  reply.view.setUint32(at + fileLock.at.type, held.type === 'read' ? LOCK.READ : LOCK.WRITE, true);
  reply.view.setUint32(at + fileLock.at.pid, held.pid, true);
  return lkOut.size;
};

/** Takes or drops the lock of a request when called: the request's bytes are gone by then. */
function attemptOf({ fileSystem, lockOwners }: Session, request: Request): Waiting {
  const handle = request.u64(lkIn.at.fh);
  const owner = request.bigU64(lkIn.at.owner);
  const range = rangeOf(request);
  if (request.u32(lkIn.at.lk_flags) & LK_FLOCK) {
    const kinds = { read: 'shared', write: 'exclusive', unlock: 'unlock' } as const;
    const attempt = () => fileSystem.flock(handle, owner, kinds[range.type]);
    return { attempt, owner: undefined, holder: () => undefined };
  }
  const { node } = request;
  const attempt = () => {
    fileSystem.setlk(handle, owner, range);
    lockOwners.add(node, handle, owner);
  };
  return { attempt, owner, holder: () => fileSystem.lockHolder(handle, owner, range) };
}

export const setlk: Handler = (session, request) => {
  attemptOf(session, request).attempt();
  session.waitingLocks.retry();
  return 0;
};

export const setlkw: Handler = (session, request) => {
  const waiting = attemptOf(session, request);
  try {
    waiting.attempt();
  } catch (error) {
    if (!(error instanceof Errno) || error.errno !== errno.EAGAIN) throw error;
    session.waitingLocks.add(request.unique, waiting);
    return NO_REPLY;
  }
  session.waitingLocks.retry();
  return 0;
};
