import { Errno, errno } from '../errno.ts';
import { bindLazily, check } from './libc.ts';

/** The identity under which the calling thread uses file systems (credentials(7)). */

const c = {
  setfsuid: bindLazily('int setfsuid(unsigned int)'),
  setfsgid: bindLazily('int setfsgid(unsigned int)'),
  capget: bindLazily('int capget(void *, void *)'),
  capset: bindLazily('int capset(void *, void *)'),
};

/** Arguments of capset(2). */
interface Capabilities {
  readonly header: Buffer;
  readonly sets: Buffer;
}

/** _LINUX_CAPABILITY_VERSION_3, and what it keeps of each: two words of three sets. */
const VERSION = 0x20080522;
const HEADER_SIZE = 8;
const SETS_SIZE = 24;
/** An invalid id: changes nothing, and returns the current one. */
const INVALID_ID = 0xffffffff;

let known: Capabilities | undefined;

/** The capabilities that this thread started with. */
function capabilities(): Capabilities {
  if (known) return known;
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32LE(VERSION);
  const sets = Buffer.alloc(SETS_SIZE);
  check(c.capget(header, sets));
  known = { header, sets };
  return known;
}

/**
 * Runs an action as root that creates files for another user: they belong to that user from the
 * start, and in a setgid directory to its group, as the kernel has it. The action may do what root
 * may: whether the user may was checked before. Only the calling thread is changed. Throws
 * EOVERFLOW for an id that this user namespace does not know.
 */
export function makingFilesFor<T>(uid: number, gid: number, action: () => T): T {
  const { header, sets } = capabilities();
  const group = c.setfsgid(gid);
  const user = c.setfsuid(uid);
  try {
    const isSet = c.setfsuid(INVALID_ID) >>> 0 === uid && c.setfsgid(INVALID_ID) >>> 0 === gid;
    if (!isSet) throw Errno.of(errno.EOVERFLOW);
    // Leaving id 0 took the capabilities away that concern files.
    check(c.capset(header, sets));
    return action();
  } finally {
    c.setfsuid(user);
    c.setfsgid(group);
  }
}
