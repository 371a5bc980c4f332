import { makingFilesFor } from '../../sys/index.ts';
import type { Caller } from '../file-system.ts';

// A server keeps the ids that it was started with; asking for them costs a system call each.
const isRoot = process.geteuid?.() === 0;
const group = process.getegid?.();

/** Whether files made for this caller would belong to the server instead. */
const isForeign = (caller: Caller): boolean => isRoot && (caller.uid !== 0 || caller.gid !== group);

/**
 * Runs an action that makes a file, so that it is the caller's from the first moment: to give it away
 * afterwards, by its name, might give away what somebody put in its place beneath.
 */
export const makingFor = <T>(caller: Caller, action: () => T): T =>
  isForeign(caller) ? makingFilesFor(caller.uid, caller.gid, action) : action();
