import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TaskfsError } from '../errors.ts';
import type { DriverName } from '../fs/index.ts';
import { FUSERMOUNT, FUSERMOUNT_2, fusermountMissing } from '../mount/index.ts';

const DEVICE = '/dev/fuse';

/** Checks what this machine must have for a mount. Throws `failed` with what is missing. */
export function assertCanMount(driver: DriverName): void {
  assertDevice();
  const program = helperOf(driver);
  if (program === undefined || isOnPath(program)) return;
  throw fusermountMissing(program);
}

/** The program that mounts on a plain user's behalf; root needs none. */
function helperOf(driver: DriverName): string | undefined {
  if (process.geteuid?.() === 0) return undefined;
  return driver === 'libfuse' ? FUSERMOUNT_2 : FUSERMOUNT;
}

function assertDevice(): void {
  if (!existsSync(DEVICE)) {
    throw new TaskfsError('failed', `cannot mount: there is no ${DEVICE}`, {
      hint:
        "As root, 'modprobe fuse' brings it; a container needs it passed in ('--device " +
        "/dev/fuse').",
    });
  }
  try {
    accessSync(DEVICE, constants.R_OK | constants.W_OK);
  } catch (cause) {
    throw new TaskfsError('failed', `cannot mount: ${DEVICE} may not be opened by you`, {
      hint: `As root, 'chmod 666 ${DEVICE}' gives it the mode that distributions give it.`,
      cause,
    });
  }
}

function isOnPath(program: string): boolean {
  const directories = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return directories.some((directory) => existsSync(join(directory, program)));
}
