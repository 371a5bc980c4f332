import { Errno, errno } from '../../errno.ts';
import type { Attr, Caller } from '../../fs/index.ts';
import { isDirectory, isRegular, isSymlink } from '../../sys/index.ts';
import { accessIn } from '../protocol/structs.ts';
import type { Handler } from '../session.ts';

/**
 * access(2) and chdir(2). Sent only where the mount is its owner's alone: everything else is then
 * checked by the file system beneath, since the server is that same user. Where others may enter,
 * the kernel checks permissions by the attributes itself.
 */
export const access: Handler = ({ fileSystem }, request) => {
  const mask = request.u32(accessIn.at.mask) & 7;
  const { attr } = fileSystem.getattr(request.node, undefined);
  if (mask & WRITE && isStored(attr.mode) && fileSystem.isReadOnly?.(request.node)) {
    throw Errno.of(errno.EROFS);
  }
  if (!mayAccess(attr, mask, request.caller, groups)) {
    throw Errno.of(errno.EACCES);
  }
  return 0;
};

// A server keeps the groups that it was started with; asking for them costs three system calls.
const groups = process.getgroups?.() ?? [];

const WRITE = 2;
const EXECUTE = 1;

/** Pipes, sockets and devices may be written on read-only file systems too: access(2). */
const isStored = (mode: number): boolean => isRegular(mode) || isDirectory(mode) || isSymlink(mode);

/** Whether the permission bits give a caller all of `mask` (4 read, 2 write, 1 execute). */
function mayAccess(
  { mode, uid, gid }: Pick<Attr, 'mode' | 'uid' | 'gid'>,
  mask: number,
  caller: Pick<Caller, 'uid' | 'gid'>,
  groups: readonly number[],
): boolean {
  if (caller.uid === 0) {
    return !(mask & EXECUTE) || isDirectory(mode) || (mode & 0o111) !== 0;
  }
  if (caller.uid === uid) return ((mode >> 6) & mask) === mask;
  const inGroup = caller.gid === gid || groups.includes(gid);
  return ((inGroup ? mode >> 3 : mode) & mask) === mask;
}
