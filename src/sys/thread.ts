import { existsSync } from 'node:fs';
import { bind, check, type Native } from './libc.ts';

/**
 * What Linux keeps for each thread and Node only for the process. Bound at the first call: Linux
 * only.
 */

const CLONE_FS = 0x200;

/** Gives the calling thread a umask and a working directory of its own. */
export function unshareUmask(): void {
  check(bind('int unshare(int)')(CLONE_FS));
}

let umask: Native | undefined;
let current = -1;

/** Sets the umask of the calling thread (after `unshareUmask`); free where it is so already. */
export function setUmask(mask: number): void {
  if (mask === current) return;
  umask ??= bind('unsigned int umask(unsigned int)');
  umask(mask);
  current = mask;
}

/** The calling thread's number, for `isThreadGone`; 0 where that could not tell. */
export function threadNumber(): number {
  if (process.platform !== 'linux') return 0;
  const number = bind('int gettid()')() as number;
  return existsSync(taskPath(number)) ? number : 0;
}

/** Whether a thread of this process has ended for good, however it did. */
export const isThreadGone = (number: number): boolean =>
  !existsSync(taskPath(number)) && existsSync(taskPath(process.pid));

const taskPath = (number: number): string => `/proc/self/task/${number}`;
