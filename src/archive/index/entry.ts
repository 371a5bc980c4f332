import type { Extent } from '../../tar/index.ts';
import type { ArtifactType } from '../artifact-type.ts';

/** What the index says of one name in the tree. Times are nanoseconds since the epoch. */
export interface IndexEntry {
  /** Where its line begins in the index; of a further name of a file, where the first name's line begins. */
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
  /** Of a file with holes: the stretches that hold data; their bytes follow each other in the tar. */
  readonly extents?: readonly Extent[];
  /** Of a file: of its stored data, hexadecimal; without holes that is the file's own. */
  readonly sha256?: string;
  readonly mime?: string;
  /** user.* attributes: name and value. */
  readonly xattrs?: readonly (readonly [name: Buffer, value: Buffer])[];
  /** Of a directory: where the lines of what is in it lie in the index. */
  readonly section?: Extent;
}
