import { Errno, errno } from '../../errno.ts';
import { invalidateAttributes } from '../notify.ts';
import { ioctlIn, ioctlOut } from '../protocol/structs.ts';
import type { Handler } from '../session.ts';

/**
 * ioctl(2), on which the kernel sends no more than the command's own number says: what programs
 * ask of an open file, and what it asks itself for their flags (fileattr), having opened the file.
 */
export const ioctl: Handler = (session, request, reply) => {
  const { cmd, in_size, out_size } = ioctlIn.at;
  const input = request.data(ioctlIn.size, request.u32(in_size));
  const { node, caller } = request;
  const answer = session.fileSystem.ioctl?.(node, request.u32(cmd), input, caller);
  if (!answer) throw Errno.of(errno.ENOTTY);
  if (answer.length > request.u32(out_size)) throw Errno.of(errno.EINVAL);
  // Whatever was sent in may have changed the file, if only its ctime.
  if (input.length > 0) session.notify(invalidateAttributes(node));
  reply.clear(ioctlOut.size);
  return ioctlOut.size + reply.put(answer, ioctlOut.size);
};
