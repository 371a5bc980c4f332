import { Errno, errno } from '../../errno.ts';
import { isPlaceholder } from '../inotify/placeholders.ts';
import { MAJOR, negotiate, OLDEST_MINOR } from '../protocol/init.ts';
import { Reply } from '../protocol/reply.ts';
import { readU64 } from '../protocol/struct.ts';
import {
  batchForgetIn,
  forgetIn,
  forgetOne,
  inHeader,
  initIn,
  initOut,
  interruptIn,
} from '../protocol/structs.ts';
import { type Handler, NO_REPLY } from '../session.ts';

const OFFER_SIZE_BEFORE_EXT = inHeader.size + initIn.at.flags2;

export const init: Handler = (session, request, reply) => {
  const i = initIn.at;
  const o = initOut.at;
  const body = Reply.body;
  reply.clear(initOut.size);
  reply.view.setUint32(body + o.major, MAJOR, true);
  const major = request.u32(i.major);
  const minor = request.u32(i.minor);
  // A newer major version repeats INIT in ours; an older one cannot be served.
  if (major > MAJOR) return initOut.size;
  if (major < MAJOR || minor < OLDEST_MINOR) throw Errno.of(errno.EPROTO);
  const isExtended = request.length > OFFER_SIZE_BEFORE_EXT;
  const connection = negotiate(
    {
      major,
      minor,
      maxReadahead: request.u32(i.max_readahead),
      flags: request.u32(i.flags),
      flags2: isExtended ? request.u32(i.flags2) : 0,
    },
    session.requested,
  );
  session.connection = connection;
  reply.view.setUint32(body + o.minor, connection.minor, true);
  reply.view.setUint32(body + o.max_readahead, connection.maxReadahead, true);
  reply.view.setUint32(body + o.flags, connection.flags, true);
  reply.view.setUint32(body + o.flags2, connection.flags2, true);
  reply.view.setUint16(body + o.max_background, 64, true);
  reply.view.setUint16(body + o.congestion_threshold, 48, true);
  reply.view.setUint32(body + o.max_write, connection.maxWrite, true);
  reply.view.setUint32(body + o.time_gran, 1, true);
  reply.view.setUint16(body + o.max_pages, connection.maxPages, true);
  return initOut.size;
};

export const destroy: Handler = () => 0;

export const forget: Handler = (session, request) => {
  const { node } = request;
  if (!isPlaceholder(node)) session.fileSystem.forget(node, request.u64(forgetIn.at.nlookup));
  return NO_REPLY;
};

export const batchForget: Handler = (session, request) => {
  const count = request.u32(batchForgetIn.at.count);
  const list = request.data(batchForgetIn.size, count * forgetOne.size);
  const view = new DataView(list.buffer, list.byteOffset, list.length);
  for (let at = 0; at < list.length; at += forgetOne.size) {
    const node = readU64(view, at + forgetOne.at.nodeid);
    if (isPlaceholder(node)) continue;
    session.fileSystem.forget(node, readU64(view, at + forgetOne.at.nlookup));
  }
  return NO_REPLY;
};

/** Requests are handled one after the other: only one that waits for a lock can be interrupted. */
export const interrupt: Handler = (session, request) => {
  session.waitingLocks.interrupt(request.u64(interruptIn.at.unique));
  return NO_REPLY;
};
