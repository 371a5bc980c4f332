import { closeSync, openSync, readFileSync } from 'node:fs';
import { readMountinfo } from './mountinfo.ts';

/**
 * Who sees a flock(2) on a file system: all who can reach it, since it is of this machine alone
 * (`machine`) or carries locks over the network (`network`); or only those who use the same mount
 * (`mount`), as with sshfs, SMB or NFS without locks.
 */
export type LockReach = 'machine' | 'network' | 'mount';

/** The file system that a path lies on. */
export interface FileSystem {
  /** As in /proc/mounts: `ext4`, `nfs4`, `fuse.sshfs`. */
  readonly type: string;
  readonly locks: LockReach;
}

const CARRY_LOCKS = new Set(['nfs', 'nfs4', 'ceph', 'gfs2', 'ocfs2', 'gpfs', 'beegfs', 'lustre']);
const CARRY_NONE = new Set([
  '9p',
  'afs',
  'cifs',
  'coda',
  'fuse',
  'ncpfs',
  'prl_fs',
  'smb3',
  'smbfs',
  'vboxsf',
  'virtiofs',
  'vmhgfs',
]);
/** Options by which a network file system keeps flock to the machine it is mounted on. */
const KEEP_LOCKS = /(^|,)(nolock|local_lock=(all|flock)|localflock|noflock)(,|$)/;

/** The file system of a directory; `machine` where the table of mounts does not say. */
export function fileSystemOf(directory: string): FileSystem {
  const { type, options } = readMount(directory) ?? { type: 'unknown', options: '' };
  return { type, locks: reachOf(type, options) };
}

/** By the type and the options, those of the mount and of the file system joined. */
export function reachOf(type: string, options: string): LockReach {
  if (CARRY_NONE.has(type) || type.startsWith('fuse.')) return 'mount';
  if (!CARRY_LOCKS.has(type)) return 'machine';
  return KEEP_LOCKS.test(options) ? 'mount' : 'network';
}

function readMount(directory: string) {
  try {
    const id = mountIdOf(directory);
    const mount = readMountinfo('self').find((one) => one.id === id);
    return mount && { type: mount.type, options: [...mount.options, ...mount.superOptions].join() };
  } catch {
    return undefined;
  }
}

function mountIdOf(directory: string): number {
  const fd = openSync(directory, 'r');
  try {
    return Number(/^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]);
  } finally {
    closeSync(fd);
  }
}
