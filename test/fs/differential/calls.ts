import { bind, check } from '../../../src/sys/index.ts';
import { cstring } from '../../../src/sys/libc.ts';

export { copyFileRange, fallocate, SEEK_DATA, SEEK_HOLE, seek } from '../../../src/sys/index.ts';

/**
 * truncate(2) and ftruncate(2) as they are: Node's own refuse sizes that the kernel should judge.
 */
export function bindTruncate() {
  const byPath = bind('int truncate(const void *, int64_t)');
  const byFd = bind('int ftruncate(int, int64_t)');
  return {
    truncate: (path: string, size: bigint): void => void check(byPath(cstring(path), size)),
    ftruncate: (fd: number, size: bigint): void => void check(byFd(fd, size)),
  };
}

const [SETGROUPS, SETRESGID, SETRESUID] =
  process.arch === 'arm64' ? [159, 149, 147] : [116, 119, 117];
const setgroups = bind('int64_t syscall(int64_t, int64_t, const void *)');
const setids = bind('int64_t syscall(int64_t, int64_t, int64_t, int64_t)');

/**
 * Makes the calling thread somebody else, who may become root again. The system call itself, where
 * the C library would stop and change every thread of the process.
 */
export function becomeInThread({
  uid,
  gid,
  groups,
}: Readonly<{ uid: number; gid: number; groups: readonly number[] }>): void {
  check(setids(SETRESUID, 0, 0, 0));
  const list = Uint32Array.from(groups);
  check(setgroups(SETGROUPS, list.length, Buffer.from(list.buffer)));
  check(setids(SETRESGID, gid, gid, 0));
  check(setids(SETRESUID, uid, uid, 0));
}
