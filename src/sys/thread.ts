import { existsSync } from 'node:fs';
import { bindLazily, check } from './libc.ts';

/** What Linux keeps for each thread and Node only for the process. */

const c = {
  unshare: bindLazily('int unshare(int)'),
  umask: bindLazily('unsigned int umask(unsigned int)'),
  gettid: bindLazily('int gettid()'),
};

const CLONE_FS = 0x200;

/** Gives the calling thread a umask and a working directory of its own. */
export function unshareUmask(): void {
  check(c.unshare(CLONE_FS));
}

let current = -1;

/** Sets the umask of the calling thread (after `unshareUmask`); free where it does not change. */
export function setUmask(mask: number): void {
  if (mask === current) return;
  c.umask(mask);
  current = mask;
}

/** The calling thread's number, for `isThreadGone`; 0 where /proc does not show threads. */
export function threadNumber(): number {
  const number = c.gettid();
  return existsSync(taskPath(number)) ? number : 0;
}

/** Whether a thread of this process has ended for good, in whatever way. */
export const isThreadGone = (number: number): boolean =>
  !existsSync(taskPath(number)) && existsSync(taskPath(process.pid));

const taskPath = (number: number): string => `/proc/self/task/${number}`;
