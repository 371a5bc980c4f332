import { isRegular, PATH_MAX, type Stat } from '../sys/index.ts';
import { MAX_EXTENSION, type Member } from '../tar/index.ts';

// What an archive can hold. A reader refuses more, so it is refused while the tar is laid out: the
// task is then kept as it is. In bytes, unless it says otherwise.

/** Of a name; some file systems hold longer ones. */
export const MAX_NAME = 255;

/** Extents of data in one file. */
export const MAX_EXTENTS = 262_144;

/**
 * Of all paths together, what is longer than PATH_MAX. A tar holds each path whole:
 * thousands of directories in each other would become an archive,
 * and a tree to extract, of gigabytes.
 */
const MAX_LONG_PATHS = 64 * 1024 * 1024;

/** What of a task's tree cannot be sealed, and why. */
export class Unsealable extends Error {
  /** From the top, raw. */
  readonly path: Buffer;
  constructor(path: Buffer, why: string) {
    super(why);
    this.path = path;
  }
}

/** Throws Unsealable for a file whose numbers or name a reader would not take. */
export function assertSealable(path: Buffer, name: Buffer, { mode, size }: Stat): void {
  if (name.length > MAX_NAME) {
    throw new Unsealable(path, `has a name of ${name.length} bytes, more than ${MAX_NAME}`);
  }
  if (isRegular(mode) && size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Unsealable(path, `has ${size} bytes, more than ${Number.MAX_SAFE_INTEGER}`);
  }
}

/** Counts what members of a tar take beyond what is usual. */
export class HeaderLimits {
  private longPaths = 0;

  /**
   * Throws Unsealable where a member, or all so far, take too much. `length`: of its extended
   * header.
   */
  count(path: Buffer, member: Member, length: number): void {
    if (length > MAX_EXTENSION) {
      throw new Unsealable(
        path,
        `has attributes and paths of ${length} bytes, more than ${MAX_EXTENSION}`,
      );
    }
    this.longPaths += beyond(member.path) + (member.linkTarget ? beyond(member.linkTarget) : 0);
    if (this.longPaths > MAX_LONG_PATHS) {
      throw new Unsealable(
        path,
        `lies so deep that all paths, beyond ${PATH_MAX} bytes of each, take more than ` +
          `${MAX_LONG_PATHS} bytes`,
      );
    }
  }
}

const beyond = ({ length }: Buffer): number => Math.max(0, length - PATH_MAX);
