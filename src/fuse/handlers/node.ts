import type { AttrChange } from '../../fs/index.ts';
import { setUmask } from '../../sys/index.ts';
import { writeAttributes, writeEntry, writeMissing, writeStatx } from '../protocol/attributes.ts';
import { FATTR, GETATTR_FH } from '../protocol/constants.ts';
import { Reply } from '../protocol/reply.ts';
import type { Request } from '../protocol/request.ts';
import {
  getattrIn,
  linkIn,
  mkdirIn,
  mknodIn,
  rename2In,
  renameIn,
  setattrIn,
  statfsOut,
  statxIn,
  statxOut,
} from '../protocol/structs.ts';
import type { Handler } from '../session.ts';
import { dropSetId } from '../set-id.ts';

/** Handlers of names and attributes. */

export const lookup: Handler = ({ fileSystem }, request, reply) => {
  const { node } = request;
  const name = request.name();
  const found = fileSystem.lookup(node, name, request.caller);
  if (found) return writeEntry(reply.view, Reply.body, found);
  return writeMissing(reply.view, Reply.body, fileSystem.missingTtlMs?.(node, name) ?? 0);
};

export const getattr: Handler = ({ fileSystem }, request, reply) => {
  const handle =
    request.u32(getattrIn.at.getattr_flags) & GETATTR_FH ? request.u64(getattrIn.at.fh) : undefined;
  return writeAttributes(reply.view, Reply.body, fileSystem.getattr(request.node, handle));
};

export const statx: Handler = ({ fileSystem }, request, reply) => {
  const handle =
    request.u32(statxIn.at.getattr_flags) & GETATTR_FH ? request.u64(statxIn.at.fh) : undefined;
  reply.clear(statxOut.size);
  return writeStatx(reply.view, Reply.body, fileSystem.getattr(request.node, handle));
};

export const setattr: Handler = (session, request, reply) => {
  const valid = request.u32(setattrIn.at.valid);
  const handle = valid & FATTR.FH ? request.u64(setattrIn.at.fh) : undefined;
  const change = changeOf(request, valid);
  const changed = session.fileSystem.setattr(request.node, handle, change, request.caller);
  // Only now: a change that was refused clears nothing.
  const dropped = valid & FATTR.KILL_SUIDGID && dropSetId(session, request.node, request);
  return writeAttributes(reply.view, Reply.body, dropped || changed);
};

function changeOf(request: Request, valid: number): AttrChange {
  const s = setattrIn.at;
  return {
    ...(valid & FATTR.MODE && { mode: request.u32(s.mode) & 0o7777 }),
    ...(valid & FATTR.UID && { uid: request.u32(s.uid) }),
    ...(valid & FATTR.GID && { gid: request.u32(s.gid) }),
    ...(valid & FATTR.SIZE && { size: request.bigU64(s.size) }),
    ...(valid & FATTR.ATIME && {
      atime: valid & FATTR.ATIME_NOW ? 'now' : timeOf(request, s.atime, s.atimensec),
    }),
    ...(valid & FATTR.MTIME && {
      mtime: valid & FATTR.MTIME_NOW ? 'now' : timeOf(request, s.mtime, s.mtimensec),
    }),
  };
}

const timeOf = (request: Request, seconds: number, nanoseconds: number): bigint =>
  request.i64(seconds) * 1_000_000_000n + BigInt(request.u32(nanoseconds));

export const readlink: Handler = ({ fileSystem }, request, reply) =>
  reply.put(fileSystem.readlink(request.node));

export const symlink: Handler = ({ fileSystem }, request, reply) => {
  const [name, target] = request.twoNames();
  const entry = fileSystem.symlink(request.node, name, target, request.caller);
  return writeEntry(reply.view, Reply.body, entry);
};

export const mknod: Handler = ({ fileSystem }, request, reply) => {
  const { mode, rdev, umask } = mknodIn.at;
  setUmask(request.u32(umask));
  const entry = fileSystem.mknod(
    request.node,
    request.name(mknodIn.size),
    request.u32(mode),
    request.u32(rdev),
    request.caller,
  );
  return writeEntry(reply.view, Reply.body, entry);
};

export const mkdir: Handler = ({ fileSystem }, request, reply) => {
  setUmask(request.u32(mkdirIn.at.umask));
  const mode = request.u32(mkdirIn.at.mode) & 0o7777;
  const entry = fileSystem.mkdir(request.node, request.name(mkdirIn.size), mode, request.caller);
  return writeEntry(reply.view, Reply.body, entry);
};

export const unlink: Handler = ({ fileSystem }, request) => {
  fileSystem.unlink(request.node, request.name());
  return 0;
};

export const rmdir: Handler = ({ fileSystem }, request) => {
  fileSystem.rmdir(request.node, request.name());
  return 0;
};

export const rename: Handler = ({ fileSystem }, request) => {
  const [name, newName] = request.twoNames(renameIn.size);
  fileSystem.rename(request.node, name, request.u64(renameIn.at.newdir), newName, 0);
  return 0;
};

export const rename2: Handler = ({ fileSystem }, request) => {
  const { newdir, flags } = rename2In.at;
  const [name, newName] = request.twoNames(rename2In.size);
  fileSystem.rename(request.node, name, request.u64(newdir), newName, request.u32(flags));
  return 0;
};

export const link: Handler = ({ fileSystem }, request, reply) => {
  const node = request.u64(linkIn.at.oldnodeid);
  const entry = fileSystem.link(node, request.node, request.name(linkIn.size));
  return writeEntry(reply.view, Reply.body, entry);
};

export const statfs: Handler = ({ fileSystem }, request, reply) => {
  const o = statfsOut.at;
  const { view } = reply;
  const found = fileSystem.statfs(request.node);
  reply.clear(statfsOut.size);
  view.setBigUint64(Reply.body + o.blocks, found.blocks, true);
  view.setBigUint64(Reply.body + o.bfree, found.bfree, true);
  view.setBigUint64(Reply.body + o.bavail, found.bavail, true);
  view.setBigUint64(Reply.body + o.files, found.files, true);
  view.setBigUint64(Reply.body + o.ffree, found.ffree, true);
  view.setUint32(Reply.body + o.bsize, found.bsize, true);
  view.setUint32(Reply.body + o.namelen, found.namelen, true);
  view.setUint32(Reply.body + o.frsize, found.frsize, true);
  return statfsOut.size;
};

export const syncfs: Handler = ({ fileSystem }, request) => {
  fileSystem.syncfs(request.node);
  return 0;
};
