import { closeSync, constants } from 'node:fs';
import { openAt2, RESOLVE } from './at.ts';

const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const RULES = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV;
/** The kernel takes paths of up to 4096 bytes with the closing zero: longer ones go in steps. */
const LONGEST = 4000;

/**
 * Opens the directory that `names` lead to from `rootFd`, for listing. The kernel refuses every path
 * that leaves the root or meets a symlink or another file system, whatever is renamed meanwhile.
 * Throws Errno. The descriptor is the caller's to close.
 */
export function openBeneath(rootFd: number, names: readonly Buffer[]): number {
  const steps = stepsOf(names);
  let fd = openAt2(rootFd, steps[0] ?? '.', FLAGS, RULES);
  for (const step of steps.slice(1)) {
    const above = fd;
    try {
      fd = openAt2(above, step, FLAGS, RULES);
    } finally {
      closeSync(above);
    }
  }
  return fd;
}

function stepsOf(names: readonly Buffer[]): Buffer[] {
  const steps: Buffer[] = [];
  let parts: Buffer[] = [];
  let length = 0;
  const finish = (): void => {
    if (parts.length > 0) steps.push(joinNames(parts));
    parts = [];
    length = 0;
  };
  for (const name of names) {
    if (length + name.length + 1 > LONGEST) finish();
    parts.push(name);
    length += name.length + 1;
  }
  finish();
  return steps;
}

function joinNames(names: readonly Buffer[]): Buffer {
  return Buffer.concat(names.flatMap((name, at) => (at === 0 ? [name] : [SLASH, name])));
}

const SLASH = Buffer.from('/');
