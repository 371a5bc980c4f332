import { closeSync, constants } from 'node:fs';
import { openAt2, RESOLVE } from './at.ts';

/** Without the closing NUL, which counts as well, and with some bytes to spare. */
const LONGEST_PATH = 4000;

/** How to open the directory, and what the kernel refuses on the way there. */
export interface BeneathOptions {
  readonly flags: number;
  /** RESOLVE rules. */
  readonly resolve: number;
}

const FOR_LISTING: BeneathOptions = {
  flags: constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  resolve: RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV,
};

/**
 * Opens the directory that `names` lead to from `rootFd`, however deep: paths that exceed PATH_MAX
 * go in steps. The kernel refuses every path that leaves the root or meets a symlink, and for
 * listing another file system, whatever is renamed meanwhile. Throws Errno. The caller closes the
 * descriptor.
 */
export function openBeneath(
  rootFd: number,
  names: readonly Buffer[],
  { flags, resolve }: BeneathOptions = FOR_LISTING,
): number {
  const [first = '.', ...others] = pathsOf(names);
  let fd = openAt2(rootFd, first, flags, resolve);
  for (const path of others) {
    const above = fd;
    try {
      fd = openAt2(above, path, flags, resolve);
    } finally {
      closeSync(above);
    }
  }
  return fd;
}

/** The names joined to paths, each short enough for one system call. */
function* pathsOf(names: readonly Buffer[]): Generator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  for (const name of names) {
    if (parts.length > 0 && length + name.length + 1 > LONGEST_PATH) {
      yield joinNames(parts);
      parts = [];
      length = 0;
    }
    parts.push(name);
    length += name.length + 1;
  }
  if (parts.length > 0) yield joinNames(parts);
}

/** Names as one path. */
export const joinNames = (names: readonly Buffer[]): Buffer =>
  Buffer.concat(names.flatMap((name, at) => (at === 0 ? [name] : [SLASH, name])));

const SLASH = Buffer.from('/');
