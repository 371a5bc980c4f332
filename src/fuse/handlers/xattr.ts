import { Errno, errno } from '../../errno.ts';
import { INIT, SETXATTR_ACL_KILL_SGID } from '../protocol/constants.ts';
import { Reply } from '../protocol/reply.ts';
import type { Request } from '../protocol/request.ts';
import { getxattrIn, getxattrOut, setxattrIn } from '../protocol/structs.ts';
import type { Handler, Session } from '../session.ts';
import { dropSetGroupId } from '../set-id.ts';

/** Handlers of extended attributes. A size of 0 asks how large the answer is. */

/** The struct's size without FUSE_SETXATTR_EXT. */
const SETXATTR_COMPAT_SIZE = 8;

export const setxattr: Handler = (session, request) => {
  const extended = ((session.connection?.flags ?? 0) & INIT.SETXATTR_EXT) !== 0;
  const fixed = extended ? setxattrIn.size : SETXATTR_COMPAT_SIZE;
  const name = request.name(fixed);
  const value = request.data(fixed + name.length + 1, request.u32(setxattrIn.at.size));
  const flags = request.u32(setxattrIn.at.flags);
  const { node, caller } = request;
  session.fileSystem.setxattr(node, name, value, flags, caller);
  if (extended && request.u32(setxattrIn.at.setxattr_flags) & SETXATTR_ACL_KILL_SGID) {
    dropSetGroupId(session, node, caller);
  }
  return 0;
};

export const getxattr: Handler = (session, request, reply) => {
  const size = request.u32(getxattrIn.at.size);
  try {
    const value = session.fileSystem.getxattr(request.node, request.name(getxattrIn.size));
    return answer(reply, size, value);
  } catch (error) {
    throw isAboutNoList(session, request, error) ? Errno.of(errno.ENODATA) : error;
  }
};

const ACCESS_CONTROL = 'system.posix_acl_';

/**
 * Whether the kernel asked for an access control list, to judge somebody by, where the file system
 * beneath keeps none: it would refuse everybody for an answer other than that there is no list.
 */
function isAboutNoList({ connection }: Session, request: Request, error: unknown): boolean {
  if (!(error instanceof Errno) || error.errno !== errno.EOPNOTSUPP) return false;
  const kernelAsks = ((connection?.flags ?? 0) & INIT.POSIX_ACL) !== 0;
  const name = request.name(getxattrIn.size).toString('latin1');
  return kernelAsks && name.startsWith(ACCESS_CONTROL);
}

const NUL = Buffer.alloc(1);

export const listxattr: Handler = ({ fileSystem }, request, reply) => {
  const names = fileSystem.listxattr(request.node);
  const list = Buffer.concat(names.flatMap((name) => [name, NUL]));
  return answer(reply, request.u32(getxattrIn.at.size), list);
};

function answer(reply: Reply, size: number, value: Uint8Array): number {
  if (size === 0) {
    reply.clear(getxattrOut.size);
    reply.view.setUint32(Reply.body + getxattrOut.at.size, value.length, true);
    return getxattrOut.size;
  }
  if (value.length > size) throw Errno.of(errno.ERANGE);
  return reply.put(value);
}

export const removexattr: Handler = ({ fileSystem }, request) => {
  fileSystem.removexattr(request.node, request.name());
  return 0;
};
