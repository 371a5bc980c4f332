import { O_CLOEXEC } from './at.ts';
import { bindLazily, check, cstring } from './libc.ts';

/** Calls about processes that Node has no function for. */

const c = {
  pipe2: bindLazily('int pipe2(void *, int)'),
  memfdCreate: bindLazily('int memfd_create(const void *, unsigned int)'),
  prctl: bindLazily('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)'),
  prlimit: bindLazily('int prlimit(int, int, const void *, void *)'),
  waitpid: bindLazily('int waitpid(int, void *, int)'),
};

/**
 * pipe2(2), close-on-exec and with further flags. Unlike Node's socket pairs, its ends can be
 * reopened as /dev/stdout.
 */
export function makePipe(flags = 0): { readonly read: number; readonly write: number } {
  const ends = Buffer.alloc(8);
  check(c.pipe2(ends, O_CLOEXEC | flags));
  return { read: ends.readInt32LE(0), write: ends.readInt32LE(4) };
}

const MFD_CLOEXEC = 1;

/** A file in memory, without a path, close-on-exec (memfd_create(2)). Returns its descriptor. */
export const makeMemoryFile = (name: string): number =>
  check(c.memfdCreate(cstring(name), MFD_CLOEXEC));

const PR_SET_DUMPABLE = 4;
const PR_SET_CHILD_SUBREAPER = 36;

/** Makes this process the new parent of descendants whose own parent ends (prctl(2)). */
export function becomeSubreaper(): void {
  check(c.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

/**
 * Keeps the memory of this process to itself: no other process of its user may read it, and a
 * crash leaves no core. What it starts is not affected, for exec resets it. Other processes of the
 * user can no longer see its /proc/<pid>/fd, environ and maps, nor can it itself open files there
 * that are for the owner alone (environ), for they become root's. /proc/self/fd works as before.
 */
export function keepMemoryPrivate(): void {
  c.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/** The limits of open files of a process; the soft one is what holds. */
export interface OpenFilesLimits {
  readonly soft: bigint;
  readonly hard: bigint;
}

const RLIMIT_NOFILE = 7;

/** The limits of open files of this process (prlimit(2)). */
export function openFilesLimits(): OpenFilesLimits {
  const limits = Buffer.alloc(16);
  check(c.prlimit(0, RLIMIT_NOFILE, null, limits));
  return { soft: limits.readBigUInt64LE(0), hard: limits.readBigUInt64LE(8) };
}

/** Sets them. Throws EPERM where the hard one would rise without CAP_SYS_RESOURCE. */
export function setOpenFilesLimits({ soft, hard }: OpenFilesLimits, pid = 0): void {
  const limits = Buffer.alloc(16);
  limits.writeBigUInt64LE(soft, 0);
  limits.writeBigUInt64LE(hard, 8);
  check(c.prlimit(pid, RLIMIT_NOFILE, limits, null));
}

/** Sets the soft limit of a process, this one by default, which has the hard one of this one. */
export function setSoftOpenFiles(wanted: number, pid = 0): void {
  const { hard } = openFilesLimits();
  const soft = BigInt(wanted);
  setOpenFilesLimits({ soft: soft < hard ? soft : hard, hard }, pid);
}

/** Raises this process's limits of open files as far as `most`, where it may. */
export function raiseOpenFiles(most: number): void {
  const wanted = BigInt(most);
  if (openFilesLimits().hard >= wanted) return;
  try {
    setOpenFilesLimits({ soft: wanted, hard: wanted });
  } catch {
    // Not allowed; Node itself has raised the soft limit to the hard one.
  }
}

const WNOHANG = 1;

/** Collects a child if it has ended; returns its status as wait(2) does, else undefined. */
export function reap(pid: number): number | undefined {
  const status = Buffer.alloc(4);
  return c.waitpid(pid, status, WNOHANG) === pid ? status.readInt32LE(0) : undefined;
}
