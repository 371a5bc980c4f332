import { Errno, errno } from '../../errno.ts';
import type { Entry, Opened } from '../../fs/index.ts';
import { setUmask } from '../../sys/index.ts';
import { REPLAY_HANDLE } from '../inotify/placeholders.ts';
import { invalidateAttributes } from '../notify.ts';
import { writeEntry } from '../protocol/attributes.ts';
import {
  FOPEN,
  FSYNC_FDATASYNC,
  OPEN_KILL_SUIDGID,
  WRITE_KILL_SUIDGID,
} from '../protocol/constants.ts';
import { Reply } from '../protocol/reply.ts';
import type { Request } from '../protocol/request.ts';
import { writeU64 } from '../protocol/struct.ts';
import {
  copyFileRangeIn,
  copyFileRangeOut,
  createIn,
  fallocateIn,
  flushIn,
  fsyncIn,
  lseekIn,
  lseekOut,
  openIn,
  openOut,
  readIn,
  releaseIn,
  writeIn,
  writeOut,
} from '../protocol/structs.ts';
import { type Handler, handleOf, NO_REPLY, type Session } from '../session.ts';
import { dropSetId, dropSetIdUnlessRoot } from '../set-id.ts';

/** Handlers of open files. */

const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;

export const open: Handler = (session, request, reply) => {
  const flags = request.u32(openIn.at.flags);
  const opened = session.fileSystem.open(request.node, flags, request.caller);
  if (opened.refresh) session.notify(invalidateAttributes(request.node));
  if (flags & O_TRUNC && request.u32(openIn.at.open_flags) & OPEN_KILL_SUIDGID) {
    dropSetId(session, request.node, request);
  }
  return writeOpened(reply, { opened, flags, fresh: false });
};

type Creation = { readonly entry: Entry; readonly opened: Opened };

function writeCreation(reply: Reply, { entry, opened }: Creation, flags: number): number {
  const at = writeEntry(reply.view, Reply.body, entry);
  return at + writeOpened(reply, { opened, flags, fresh: true }, at);
}

export const create: Handler = (session, request, reply) => {
  const { flags, mode, umask } = createIn.at;
  setUmask(request.u32(umask));
  const made = session.fileSystem.create(
    request.node,
    request.name(createIn.size),
    request.u32(flags),
    request.u32(mode) & 0o7777,
    request.caller,
  );
  return writeCreation(reply, made, request.u32(flags));
};

export const tmpfile: Handler = (session, request, reply) => {
  const { flags, mode, umask } = createIn.at;
  setUmask(request.u32(umask));
  const made = session.fileSystem.tmpfile(
    request.node,
    request.u32(flags),
    request.u32(mode) & 0o7777,
    request.caller,
  );
  return writeCreation(reply, made, request.u32(flags));
};

/** What decides over the flags of an open reply. */
interface Opening {
  readonly opened: Opened;
  /** open(2)'s. */
  readonly flags: number;
  /** The file was just made. */
  readonly fresh: boolean;
}

/** fuse_open_out at an offset of the reply's body; returns its length. */
function writeOpened(reply: Reply, opening: Opening, offset = 0): number {
  const at = Reply.body + offset;
  const flags = cacheFlags(opening.opened) | flushFlag(opening);
  writeU64(reply.view, at + openOut.at.fh, opening.opened.handle);
  reply.view.setUint32(at + openOut.at.open_flags, flags, true);
  reply.view.setUint32(at + openOut.at.padding, 0, true);
  return openOut.size;
}

function cacheFlags(opened: Opened): number {
  if (opened.directIo) return FOPEN.DIRECT_IO | FOPEN.PARALLEL_DIRECT_WRITES;
  return opened.keepCache ? FOPEN.KEEP_CACHE : 0;
}

// Files that are only read, or were created only to be written, have no shared mapping with
// changes to flush, and their locks are dropped at the release: closing one need not wait for a
// reply. Not so where the same file was open already: closing this one drops locks taken through
// that.
const flushFlag = ({ flags, fresh, opened }: Opening): number => {
  if (opened.shared) return 0;
  const access = flags & O_ACCMODE;
  return access === O_RDONLY || (fresh && access === O_WRONLY) ? FOPEN.NOFLUSH : 0;
};

export const release: Handler = (session, request) => {
  const handle = request.u64(releaseIn.at.fh);
  if (handle === REPLAY_HANDLE) {
    session.replayer?.closed();
    return 0;
  }
  session.lockOwners.dropHandle(session.fileSystem, request.node, handle);
  session.fileSystem.release(handle);
  session.waitingLocks.retry();
  return 0;
};

export const read: Handler = (session, request, reply) => {
  const { fileSystem, spliceReader } = session;
  const handle = handleOf(session, request, readIn.at.fh);
  const offset = offsetIn(request.u64(readIn.at.offset));
  const size = request.u32(readIn.at.size);
  if (fileSystem.isChanging?.(handle)) session.dropPages(request.node);
  const fd = fileSystem.contentFd?.(handle);
  if (fd !== undefined && spliceReader.send(reply, request.unique, fd, offset, size))
    return NO_REPLY;
  return fileSystem.read(handle, reply.data(size), offset);
};

export const write: Handler = (session, request, reply) => {
  const { fh, offset, size, write_flags, flags } = writeIn.at;
  const data = request.data(writeIn.size, request.u32(size));
  // fcntl(2) may have changed the flags of open(2); dirty pages of a mapping come without any.
  const appends = (request.u32(flags) & O_APPEND) !== 0;
  const written = session.fileSystem.write(
    request.u64(fh),
    data,
    offsetIn(request.u64(offset)),
    appends,
  );
  if (request.u32(write_flags) & WRITE_KILL_SUIDGID) dropSetId(session, request.node, request);
  reply.clear(writeOut.size);
  reply.view.setUint32(Reply.body + writeOut.at.size, written, true);
  return writeOut.size;
};

export const flush: Handler = (session, request) => {
  const handle = request.u64(flushIn.at.fh);
  const owner = request.bigU64(flushIn.at.lock_owner);
  if (session.lockOwners.drop(session.fileSystem, request.node, handle, owner)) {
    session.waitingLocks.retry();
  }
  session.fileSystem.flush(handle);
  return 0;
};

export const fsync: Handler = ({ fileSystem }, request) => {
  const dataOnly = (request.u32(fsyncIn.at.fsync_flags) & FSYNC_FDATASYNC) !== 0;
  fileSystem.fsync(request.u64(fsyncIn.at.fh), dataOnly);
  return 0;
};

export const lseek: Handler = (session, request, reply) => {
  const { fh, offset, whence } = lseekIn.at;
  const handle = handleOf(session, request, fh);
  const found = session.fileSystem.lseek(handle, request.i64(offset), request.u32(whence));
  reply.view.setBigInt64(Reply.body + lseekOut.at.offset, found, true);
  return lseekOut.size;
};

export const fallocate: Handler = (session, request) => {
  const { fh, mode, offset, length } = fallocateIn.at;
  session.fileSystem.fallocate(
    request.u64(fh),
    request.u32(mode),
    request.bigU64(offset),
    request.bigU64(length),
  );
  dropSetIdUnlessRoot(session, request.node, request);
  return 0;
};

/** A reply of the older form counts in 32 bits; copying less than was asked for is allowed. */
const COPY_LIMIT = 0x7ffff000;

function copyRange(session: Session, request: Request): number {
  const { fh_in, off_in, nodeid_out, fh_out, off_out, len, flags } = copyFileRangeIn.at;
  if (request.u64(flags) !== 0) throw Errno.of(errno.EINVAL);
  const copied = session.fileSystem.copyFileRange(
    request.u64(fh_in),
    request.bigU64(off_in),
    request.u64(fh_out),
    request.bigU64(off_out),
    Math.min(request.u64(len), COPY_LIMIT),
  );
  dropSetIdUnlessRoot(session, request.u64(nodeid_out), request);
  return copied;
}

export const copyFileRange: Handler = (session, request, reply) => {
  const copied = copyRange(session, request);
  reply.clear(writeOut.size);
  reply.view.setUint32(Reply.body + writeOut.at.size, copied, true);
  return writeOut.size;
};

export const copyFileRange64: Handler = (session, request, reply) => {
  writeU64(reply.view, Reply.body, copyRange(session, request));
  return copyFileRangeOut.size;
};

/** A larger one would lose bits, and be another offset. */
function offsetIn(offset: number): number {
  if (Number.isSafeInteger(offset)) return offset;
  throw Errno.of(errno.EFBIG);
}
