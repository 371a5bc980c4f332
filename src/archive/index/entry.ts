import type { ArtifactType } from '../../store/index.ts';
import type { Extent } from '../../tar/index.ts';
import { MAX_NAME } from '../limits.ts';

/** What the index says of one name in the tree. Times are nanoseconds since the epoch. */
export interface IndexEntry {
  /**
   * Where its line begins in the index; of a further name of a file, where the first name's line
   * begins.
   */
  readonly position: number;
  /** Raw bytes; empty for the top. */
  readonly name: Buffer;
  /** Sockets, pipes and devices are recorded here, and not in the tar. */
  readonly type: ArtifactType;
  /** mode & 07777 */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes, holes included. */
  readonly size: number;
  readonly nlink: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Of a symlink: where it points, raw. */
  readonly target?: Buffer;
  /** Of a file: where its data begins in the tar. */
  readonly offset?: number;
  /**
   * Of a file with holes: the extents that hold data; the tar holds them one after the other.
   */
  readonly extents?: readonly Extent[];
  /** Of a file: of its stored data, hexadecimal; without holes that is the file's own. */
  readonly sha256?: string;
  readonly mime?: string;
  /** user.* attributes: name and value. */
  readonly xattrs?: readonly (readonly [name: Buffer, value: Buffer])[];
  /** Of a directory: where the lines of what is in it lie in the index. */
  readonly section?: Extent;
}

/** What the numbers of an entry are within: its permission bits; its ids and its links. */
export const MAX_MODE = 0o7777;
export const MAX_32 = 0xffff_ffff;

interface SizeAndExtents {
  readonly size: number;
  readonly extents?: readonly Extent[] | undefined;
}

/** Bytes that a file takes in the tar, padding aside. */
export const storedLength = ({ extents, size }: SizeAndExtents): number =>
  extents ? extents.reduce((sum, { length }) => sum + length, 0) : size;

// Names in an index or a tar are not trusted: whoever makes files of them, or hands them to the
// kernel, must not be led out of a directory.

const SLASH = 0x2f;
const DOT = 0x2e;

/** Whether it can be the name of something in a directory. */
export function isEntryName(name: Uint8Array): boolean {
  const { length } = name;
  if (length === 0 || length > MAX_NAME) return false;
  if (name[0] === DOT && (length === 1 || (length === 2 && name[1] === DOT))) return false;
  return !name.includes(SLASH) && !name.includes(0);
}

/** As much as a symlink holds. */
const MAX_TARGET = 4095;

/** Whether a symlink can point there. It may lead anywhere: it is not followed. */
export const isLinkTarget = (target: Buffer): boolean =>
  target.length > 0 && target.length <= MAX_TARGET && !target.includes(0);

const USER = Buffer.from('user.');

/** Whether it is the name of a `user.*` attribute: all others say something to the kernel. */
export const isUserXattr = (name: Buffer): boolean =>
  name.length > USER.length &&
  name.length <= MAX_NAME &&
  !name.includes(0) &&
  name.subarray(0, USER.length).equals(USER);
