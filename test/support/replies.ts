import { readdirSync, readFileSync } from 'node:fs';
import { unlessMissing } from '../../src/errno.ts';

/** As src/fuse/connection.ts names the threads that answer the kernel. */
const SERVING = 'taskfs-kernel';

/**
 * How often the threads of a mount's server that answer the kernel have called write(2): each reply
 * is one call. Those of the whole process would be others' as well: a server that is the first to
 * run these modules writes the compiled code of hundreds of them once its mount is there.
 */
export function repliesOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`);
  return threads.map(writesOf).reduce((sum, writes) => sum + writes, 0);
}

/** 0 for a thread that does something else, or has just ended. */
function writesOf(thread: string): number {
  const isServing = unlessMissing(() => readFileSync(`${thread}/comm`, 'utf8')) === `${SERVING}\n`;
  if (!isServing) return 0;
  return Number(/^syscw: (\d+)/m.exec(readFileSync(`${thread}/io`, 'utf8'))?.[1]);
}
