import { Errno, errno } from '../../../sys/errno.ts';
import { INIT } from '../constants.ts';
import { Reply } from '../reply.ts';
import type { Handler } from '../session.ts';
import { getxattrIn, getxattrOut, setxattrIn } from '../wire.ts';

/** Handlers of extended attributes. A size of 0 asks how large the answer is. */

/** The struct's size without FUSE_SETXATTR_EXT. */
const SETXATTR_COMPAT_SIZE = 8;

export const setxattr: Handler = (session, request) => {
  const extended = ((session.connection?.flags ?? 0) & INIT.SETXATTR_EXT) !== 0;
  const fixed = extended ? setxattrIn.size : SETXATTR_COMPAT_SIZE;
  const name = request.name(fixed);
  const value = request.data(fixed + name.length + 1, request.u32(setxattrIn.at.size));
  const flags = request.u32(setxattrIn.at.flags);
  session.fileSystem.setxattr(request.node, name, value, flags, request.caller);
  return 0;
};

export const getxattr: Handler = ({ fileSystem }, request, reply) =>
  answer(
    reply,
    request.u32(getxattrIn.at.size),
    fileSystem.getxattr(request.node, request.name(getxattrIn.size)),
  );

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
