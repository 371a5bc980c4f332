import { bytesOfLatin1 } from '../../latin1.ts';
import type { TaskName } from '../../store/index.ts';
import { S_IFDIR, S_IFMT, type Stat } from '../../sys/index.ts';
import type { NodeId } from '../file-system.ts';
import type { OpenDescriptor, RecordLocks } from './record-locks.ts';

/**
 * A file or directory in some task's staging that the kernel knows of. It stands for the file
 * beneath (device, inode number and type, so that hard links are one node), and remembers one
 * place where that was last seen: `name` in `parent`. The place is a hint; whoever uses it checks.
 * The table keeps the fields: two objects of one `id` are the same inode.
 */
export interface Inode {
  readonly id: NodeId;
  readonly task: TaskName;
  readonly dev: bigint;
  readonly ino: bigint;
  /** The type bits of its mode. */
  readonly type: number;
  /** Undefined for a task's own directory, whose name is the task's. */
  readonly parent: Inode | undefined;
  /** Raw bytes as latin1. */
  name: string;
  /** What is open of it, or undefined: an unlinked file can be reached by these alone. */
  readonly open: OpenState | undefined;
}

/** Open files of an inode, and record locks held on it through the mount. */
export interface OpenState {
  readonly files: Set<OpenDescriptor>;
  locks: RecordLocks | undefined;
}

export const isDirectoryInode = (inode: Inode): boolean => inode.type === S_IFDIR;

/** Whether a state is that of the file that the inode stands for. */
export const isSame = (inode: Inode, stat: Stat): boolean =>
  stat.ino === inode.ino && stat.dev === inode.dev && (stat.mode & S_IFMT) === inode.type;

export const rawName = (inode: Inode): Buffer => bytesOfLatin1(inode.name);
