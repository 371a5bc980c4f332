import { Errno, errno } from '../errno.ts';
import { bind, check, type Native } from './libc.ts';

/**
 * As whom the calling thread uses file systems (credentials(7)). Linux only: bound at the first
 * call.
 */

interface Calls {
  readonly setfsuid: Native;
  readonly setfsgid: Native;
  readonly capset: Native;
  /** Arguments of capset(2): the capabilities that this thread started with. */
  readonly header: Buffer;
  readonly capabilities: Buffer;
}

/** _LINUX_CAPABILITY_VERSION_3, and what it keeps of each: two words of three sets. */
const VERSION = 0x20080522;
const HEADER_SIZE = 8;
const SETS_SIZE = 24;
/** Changes nothing, and returns the id that holds. */
const ASK = 0xffffffff;

let calls: Calls | undefined;

function bound(): Calls {
  if (calls) return calls;
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32LE(VERSION);
  const capabilities = Buffer.alloc(SETS_SIZE);
  check(bind('int capget(void *, void *)')(header, capabilities));
  calls = {
    setfsuid: bind('int setfsuid(unsigned int)'),
    setfsgid: bind('int setfsgid(unsigned int)'),
    capset: bind('int capset(void *, void *)'),
    header,
    capabilities,
  };
  return calls;
}

/**
 * Runs an action as root that makes files for another user: they belong to that user from the
 * first moment, and in a setgid directory to its group, as the kernel has it. What root may do,
 * the action may do: whether the user may was asked before. Only the calling thread is changed.
 * Throws EOVERFLOW for an id that this user namespace does not know.
 */
export function makingFilesFor<T>(uid: number, gid: number, action: () => T): T {
  const { setfsuid, setfsgid, capset, header, capabilities } = bound();
  const group = setfsgid(gid);
  const user = setfsuid(uid);
  try {
    if (setfsuid(ASK) >>> 0 !== uid || setfsgid(ASK) >>> 0 !== gid) throw Errno.of(errno.EOVERFLOW);
    // Leaving id 0 took the capabilities away that concern files.
    check(capset(header, capabilities));
    return action();
  } finally {
    setfsuid(user);
    setfsgid(group);
  }
}
