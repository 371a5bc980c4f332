import { bind, check, cstring, type Native } from './libc.ts';

/** Calls about processes that Node has no function for. Linux only: bound at the first call. */

const bound = new Map<string, Native>();

function call(prototype: string): Native {
  const known = bound.get(prototype);
  if (known) return known;
  const made = bind(prototype);
  bound.set(prototype, made);
  return made;
}

const O_CLOEXEC = 0o2000000;

/**
 * pipe2(2), close-on-exec. Unlike Node's socket pairs, its ends can be opened again as
 * /dev/stdout.
 */
export function makePipe(): { readonly read: number; readonly write: number } {
  const ends = Buffer.alloc(8);
  check(call('int pipe2(void *, int)')(ends, O_CLOEXEC));
  return { read: ends.readInt32LE(0), write: ends.readInt32LE(4) };
}

const MFD_CLOEXEC = 1;

/**
 * A file that is in memory alone, without a path, close-on-exec (memfd_create(2)); its descriptor.
 */
export function makeMemoryFile(name: string): number {
  const create = call('int memfd_create(const void *, unsigned int)');
  return check(create(cstring(name), MFD_CLOEXEC));
}

const PRCTL = 'int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)';
const PR_SET_DUMPABLE = 4;
const PR_SET_CHILD_SUBREAPER = 36;

/** Makes this process the new parent of descendants whose own parent ends (prctl(2)). */
export function becomeSubreaper(): void {
  check(call(PRCTL)(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

/**
 * Keeps the memory of this process to itself: no other process of its user may read it, and a
 * crash leaves no core. What it starts is not concerned, for exec resets it. Other processes of
 * the user lose sight of its /proc/<pid>/fd, environ and maps; so does it itself of files there
 * that only the owner may open (environ), for they become root's. Everything in /proc/self/fd goes
 * on as before.
 */
export function keepMemoryPrivate(): void {
  // It cannot fail on Linux, and nothing depends on it elsewhere.
  if (process.platform === 'linux') call(PRCTL)(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

const RLIMIT_NOFILE = 7;
const LIMITS_SIZE = 16;

/** Raises this process's limits of open files (setrlimit(2)) as far as `most`, where it may. */
export function raiseOpenFiles(most: number): void {
  const prlimit = call('int prlimit(int, int, const void *, void *)');
  const limits = Buffer.alloc(LIMITS_SIZE);
  check(prlimit(0, RLIMIT_NOFILE, null, limits));
  if (limits.readBigUInt64LE(8) >= BigInt(most)) return;
  for (const at of [0, 8]) limits.writeBigUInt64LE(BigInt(most), at);
  // Only CAP_SYS_RESOURCE may raise the hard limit; Node itself raised the soft one to that.
  prlimit(0, RLIMIT_NOFILE, limits, null);
}

const WNOHANG = 1;

/** Collects an ended child that Node does not know of; whether it was there and had ended. */
export function reap(pid: number): boolean {
  return call('int waitpid(int, void *, int)')(pid, null, WNOHANG) === pid;
}
