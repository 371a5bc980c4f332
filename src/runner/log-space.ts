import { statfsSync } from 'node:fs';
import { showBytes } from '../quantities.ts';

const MIB = 1024 * 1024;
/** What every log may hold, however full its disk is. */
const ALWAYS_BYTES = 64 * MIB;
/** What a longer one leaves free: the smaller of a size and a share of the file system. */
const LEFT_FREE = { bytes: 1024 * MIB, share: 0.05 };
/** How much is written at most between two looks at what is free, for others write as well. */
const LOOK_EVERY_BYTES = 64 * MIB;

/** How many bytes a log may grow by, and why no more than that, or null. */
export interface LogRoom {
  readonly bytes: number;
  readonly lack: string | null;
}

/**
 * What asks for room for `more` bytes in a log that holds `logged`. A log grows to `maxBytes`, and
 * leaves its disk some space: a command that prints without end must not fill it for everybody.
 */
export function openLogSpace(
  directory: string,
  maxBytes: number,
): (logged: number, more: number) => LogRoom {
  let beforeNextLook = 0;
  return (logged, more) => {
    if (logged + more > maxBytes) {
      const lack = `it has reached its limit of ${maxBytes} bytes`;
      return { bytes: Math.max(0, maxBytes - logged), lack };
    }
    if (logged + more <= ALWAYS_BYTES) return { bytes: more, lack: null };
    if (more > beforeNextLook) {
      const { bavail, blocks, bsize } = statfsSync(directory);
      const leftFree = Math.min(LEFT_FREE.bytes, blocks * bsize * LEFT_FREE.share);
      const room = bavail * bsize - leftFree;
      if (room < more) {
        return { bytes: 0, lack: `its disk has less than ${showBytes(leftFree)} left` };
      }
      beforeNextLook = Math.max(more, Math.min(LOOK_EVERY_BYTES, room / 4));
    }
    beforeNextLook -= more;
    return { bytes: more, lack: null };
  };
}
