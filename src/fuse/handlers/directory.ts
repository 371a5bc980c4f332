import { unlessRefused } from '../../errno.ts';
import type { DirectoryEntry, PlainEntry } from '../../fs/index.ts';
import { writeEntry, writePlainEntry } from '../protocol/attributes.ts';
import { FOPEN } from '../protocol/constants.ts';
import { Reply } from '../protocol/reply.ts';
import type { Request } from '../protocol/request.ts';
import { roundUp, writeU64 } from '../protocol/struct.ts';
import { dirent, entryOut, fsyncIn, openOut, readIn, releaseIn } from '../protocol/structs.ts';
import { type Handler, handleOf, type Session } from '../session.ts';

/** Handlers of open directories. */

export const opendir: Handler = ({ fileSystem }, request, reply) => {
  reply.clear(openOut.size);
  const handle = fileSystem.opendir(request.node, request.caller);
  writeU64(reply.view, Reply.body + openOut.at.fh, handle);
  if (fileSystem.keepsListing?.(request.node)) {
    const flags = FOPEN.CACHE_DIR | FOPEN.KEEP_CACHE;
    reply.view.setUint32(Reply.body + openOut.at.open_flags, flags, true);
  }
  return openOut.size;
};

export const releasedir: Handler = ({ fileSystem }, request) => {
  fileSystem.releasedir(request.u64(releaseIn.at.fh));
  return 0;
};

export const fsyncdir: Handler = ({ fileSystem }, request) => {
  fileSystem.fsyncdir(request.u64(fsyncIn.at.fh));
  return 0;
};

export const readdir: Handler = (session, request, reply) => {
  const size = request.u32(readIn.at.size);
  let end = 0;
  list(session, request, (entry) => {
    const { name } = entry;
    const length = direntSize(name);
    if (end + length > size) return false;
    writeDirent(reply, end, entry, name);
    end += length;
    return true;
  });
  return end;
};

/**
 * Entries with what lookup gives for each, and as lookup it counts a reference, `.` and `..`
 * excepted. What the kernel has in its caches, and a name that is gone or unreadable by now, is
 * listed without attributes.
 */
export const readdirplus: Handler = (session, request, reply) => {
  const { fileSystem } = session;
  const size = request.u32(readIn.at.size);
  const { caller, node } = request;
  let end = 0;
  const add = (entry: DirectoryEntry): boolean => {
    const { name } = entry;
    const length = entryOut.size + direntSize(name);
    if (end + length > size) return false;
    const found =
      isDot(name) || fileSystem.isCached?.(node, entry)
        ? undefined
        : (entry.found ?? unlessRefused(() => fileSystem.lookup(node, name, caller)));
    if (found) writeEntry(reply.view, Reply.body + end, found);
    else reply.bytes.fill(0, Reply.body + end, Reply.body + end + entryOut.size);
    writeDirent(reply, end + entryOut.size, entry, name);
    end += length;
    return true;
  };
  const addPlain = (entry: PlainEntry): boolean => {
    const length = entryOut.size + roundUp(dirent.size + entry.to - entry.from, 8);
    if (end + length > size) return false;
    writePlain(reply, end, entry);
    end += length;
    return true;
  };
  list(session, request, add, addPlain);
  return end;
};

function list(
  session: Session,
  request: Request,
  add: (entry: DirectoryEntry) => boolean,
  addPlain?: (entry: PlainEntry) => boolean,
): void {
  const handle = handleOf(session, request, readIn.at.fh);
  session.fileSystem.readdir(handle, request.bigU64(readIn.at.offset), add, addPlain);
}

const DOT = 0x2e;
const isDot = (name: Uint8Array): boolean =>
  name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT));

const direntSize = (name: Uint8Array): number => roundUp(dirent.size + name.length, 8);

function writeDirent(
  reply: Reply,
  offset: number,
  entry: DirectoryEntry,
  name: DirectoryEntry['name'],
): void {
  const { view } = reply;
  const at = Reply.body + offset;
  const end = at + direntSize(name);
  view.setBigUint64(at + dirent.at.ino, entry.ino, true);
  view.setBigUint64(at + dirent.at.off, entry.cookie, true);
  view.setUint32(at + dirent.at.namelen, name.length, true);
  view.setUint32(at + dirent.at.type, entry.type, true);
  // What pads the name to eight bytes is zero.
  view.setUint32(end - 8, 0, true);
  view.setUint32(end - 4, 0, true);
  reply.bytes.set(name, at + dirent.size);
}

/** An entry in numbers. Byte by byte: calls of fill and set would take longer than all of this. */
function writePlain(reply: Reply, offset: number, entry: PlainEntry): void {
  const { view, bytes } = reply;
  const { bytes: source, from, to } = entry;
  const start = Reply.body + offset;
  const at = start + entryOut.size;
  const name = at + dirent.size;
  const nameEnd = name + to - from;
  const end = start + entryOut.size + roundUp(dirent.size + to - from, 8);
  writePlainEntry(view, start, entry);
  view.setUint32(at + dirent.at.ino, entry.inoLow, true);
  view.setUint32(at + dirent.at.ino + 4, entry.inoHigh, true);
  writeU64(view, at + dirent.at.off, entry.cookie);
  view.setUint32(at + dirent.at.namelen, to - from, true);
  view.setUint32(at + dirent.at.type, entry.type, true);
  for (let byte = from; byte < to; byte++) bytes[name + byte - from] = source[byte] ?? 0;
  for (let byte = nameEnd; byte < end; byte++) bytes[byte] = 0;
}
