import { statfsSync } from 'node:fs';
import { showBytes } from '../quantities.ts';

const MIB = 1024 * 1024;
/** What every log may hold, however full its disk is. */
const ALWAYS_BYTES = 64 * MIB;
/** What a longer one leaves free: the smaller of a size and a share of the file system. */
const LEFT_FREE = { bytes: 1024 * MIB, share: 0.05 };
/** How much is written at most before what is free is read again, for others write as well. */
const CHECK_EVERY_BYTES = 64 * MIB;

/** How many bytes a log may grow by, and why no more than that, or null. */
export interface LogAllowance {
  readonly bytes: number;
  readonly lack: string | null;
}

/**
 * Returns a function that says how much of `more` bytes a log that holds `logged` may take. A log
 * grows to `maxBytes`, and leaves its disk some space: a command that prints without end must not
 * fill it for everybody.
 */
export function openLogSpace(
  directory: string,
  maxBytes: number,
): (logged: number, more: number) => LogAllowance {
  let beforeNextCheck = 0;
  return (logged, more) => {
    if (logged + more > maxBytes) {
      const lack = `it has reached its limit of ${maxBytes} bytes`;
      return { bytes: Math.max(0, maxBytes - logged), lack };
    }
    if (logged + more <= ALWAYS_BYTES) return { bytes: more, lack: null };
    if (more > beforeNextCheck) {
      const { bavail, blocks, bsize } = statfsSync(directory);
      const leftFree = Math.min(LEFT_FREE.bytes, blocks * bsize * LEFT_FREE.share);
      const spare = bavail * bsize - leftFree;
      if (spare < more) {
        return { bytes: 0, lack: `its disk has less than ${showBytes(leftFree)} left` };
      }
      beforeNextCheck = Math.max(more, Math.min(CHECK_EVERY_BYTES, spare / 4));
    }
    beforeNextCheck -= more;
    return { bytes: more, lack: null };
  };
}
