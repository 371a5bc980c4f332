import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { TaskfsError } from '../../../errors.ts';
import { AT, mknodAt, setTerminalSize } from '../../../sys/index.ts';
import type { RunInput } from '../run-handle.ts';

/**
 * The input of a run that is not only its supervisor's: a FIFO in the task's directory. Whoever
 * may write to that directory writes to it, and the supervisor hands it on.
 */

/** The supervisor's side. */
export interface SharedInput {
  readonly path: string;
  /** What others write; it has no end of its own. */
  readonly source: Readable;
}

/** Makes the FIFO of a run; undefined where that cannot be: then nobody else has its input. */
export function shareInput(scratch: string): SharedInput | undefined {
  const path = join(scratch, 'input');
  const { S_IFIFO, O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;
  try {
    // Of an attempt before.
    rmSync(path, { force: true });
    mknodAt(AT.FDCWD, path, S_IFIFO | 0o600, 0);
    // For writing too: it does not end where nobody writes.
    const fd = openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
    return { path, source: new Socket({ fd, readable: true, writable: false }) };
  } catch {
    return undefined;
  }
}

/** How others reach the input of a run, as its state has it. */
export interface InputPlace {
  /** The path of the FIFO. */
  readonly input: string;
  /** The path of the run's terminal, where it has one. */
  readonly terminal?: string | undefined;
}

/** The others' side. Throws `failed` where no supervisor reads it. */
export function openInput({ input, terminal }: InputPlace, task: string): RunInput {
  const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  let fd: number;
  try {
    fd = openSync(input, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  } catch (cause) {
    throw new TaskfsError('failed', `the input of task ${task} cannot be reached`, {
      hint: "Its supervisor is gone, or it is ending: 'taskfs recover' finishes it.",
      cause,
    });
  }
  const stream = new Socket({ fd, readable: false, writable: true });
  // The run may end before its input.
  stream.on('error', () => {});
  return {
    stream,
    resize: async (rows, columns) => {
      if (terminal !== undefined) resizeTerminal(terminal, rows, columns);
    },
  };
}

/** Either side of a terminal may say its size. */
function resizeTerminal(path: string, rows: number, columns: number): void {
  try {
    const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    try {
      setTerminalSize(fd, rows, columns);
    } finally {
      closeSync(fd);
    }
  } catch {
    // It ended with its run.
  }
}
