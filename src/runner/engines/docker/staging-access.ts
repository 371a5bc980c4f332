import { chmodSync, closeSync, constants, lchownSync, openSync } from 'node:fs';
import { Errno, errno } from '../../../errno.ts';
import { TaskfsError } from '../../../errors.ts';
import { removeXattr, setXattr } from '../../../sys/index.ts';
import { callerIds } from './container-user.ts';

/** Where Linux keeps the access list of a file (acl(5)). */
const ACL = 'system.posix_acl_access';
const ACL_VERSION = 2;
const NO_ID = 0xffffffff;
const tag = { owner: 0x01, user: 0x02, group: 0x04, mask: 0x10, other: 0x20 };
const ALL = 7;

/**
 * Gives a user of this machine, and nobody else, access to a task's staging directory. Root makes
 * the user its owner; a plain caller, who has to read the files meanwhile, stays the owner and
 * adds the user to its access list. The store around it is closed to that user, so only a
 * container that mounts the directory itself reaches it. Throws `failed` where the file system
 * keeps no access lists.
 */
export function grantStaging(staging: string, uid: number): void {
  const caller = callerIds();
  if (uid === caller.uid) return;
  if (caller.uid === 0) lchownSync(staging, uid, caller.gid);
  else withDirectory(staging, (fd) => setXattr(fd, ACL, accessList(uid)));
}

/** Revokes every access that was granted to a staging directory. */
export function revokeStaging(staging: string): void {
  withDirectory(staging, (fd) => {
    // The mode first: what a list allowed stays behind as the group's permission.
    chmodSync(`/proc/self/fd/${fd}`, 0o700);
    removeXattr(fd, ACL);
  });
}

function withDirectory(staging: string, work: (fd: number) => void): void {
  const fd = openSync(staging, constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    work(fd);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    if (error.errno === errno.ENODATA) return;
    throw new TaskfsError('failed', `the container's user cannot be let into ${staging}`, {
      hint:
        'The store has to be on a file system with access lists (ACL), ' +
        'or the container to run as you: leave out --user.',
      cause: error,
    });
  } finally {
    closeSync(fd);
  }
}

/** Everything for the owner and one more user. */
function accessList(uid: number): Buffer {
  const entries = [
    [tag.owner, ALL, NO_ID],
    [tag.user, ALL, uid],
    [tag.group, 0, NO_ID],
    [tag.mask, ALL, NO_ID],
    [tag.other, 0, NO_ID],
  ] as const;
  const list = Buffer.alloc(4 + 8 * entries.length);
  list.writeUInt32LE(ACL_VERSION);
  for (const [index, [kind, permission, id]] of entries.entries()) {
    const at = 4 + 8 * index;
    list.writeUInt16LE(kind, at);
    list.writeUInt16LE(permission, at + 2);
    list.writeUInt32LE(id, at + 4);
  }
  return list;
}
