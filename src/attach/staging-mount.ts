import { closeSync } from 'node:fs';
import { Errno, errno } from '../errno.ts';
import { statusXattrs } from '../fs/index.ts';
import { latin1Of } from '../latin1.ts';
import { isOwnXattr, OWN_XATTR_PREFIX, type TaskRecord } from '../store/index.ts';
import {
  cloneMount,
  getXattr,
  listXattr,
  MOUNT_ATTR,
  MS_PRIVATE,
  removeXattr,
  setMountAttributes,
  setXattr,
} from '../sys/index.ts';

export interface CloneOptions {
  readonly readOnly: boolean;
  /** The kernel follows no symlink in it. */
  readonly nosymfollow: boolean;
}

/**
 * A mount of a staging directory (its descriptor, O_PATH will do) that is nowhere yet, until its
 * own descriptor is closed or moved. Set-id programs and devices are dead in it, as in the mount
 * around it, and what is mounted beneath staging is not in it. Throws Errno.
 */
export function cloneStaging(staging: number, { readOnly, nosymfollow }: CloneOptions): number {
  const mount = cloneMount(staging);
  try {
    const attributes =
      MOUNT_ATTR.NOSUID |
      MOUNT_ATTR.NODEV |
      (readOnly ? MOUNT_ATTR.RDONLY : 0) |
      (nosymfollow ? MOUNT_ATTR.NOSYMFOLLOW : 0);
    setMountAttributes(mount, attributes, MS_PRIVATE);
    return mount;
  } catch (error) {
    closeSync(mount);
    throw error;
  }
}

/**
 * Puts a task's status on its staging directory itself, where nobody asks the server for it; also
 * again where a copy has brought that of another task. `staging` is the directory's descriptor.
 */
export function showStatus(staging: number, record: TaskRecord): void {
  const status = statusXattrs(record, 'live');
  for (const name of listXattr(staging).filter(isOwnXattr)) {
    if (!status.has(latin1Of(name).slice(OWN_XATTR_PREFIX.length))) removeXattr(staging, name);
  }
  for (const [key, value] of status) {
    const name = OWN_XATTR_PREFIX + key;
    if (shown(staging, name) !== value) setXattr(staging, name, Buffer.from(value));
  }
}

function shown(staging: number, name: string): string | undefined {
  try {
    return getXattr(staging, name).toString();
  } catch (error) {
    if (error instanceof Errno && error.errno === errno.ENODATA) return undefined;
    throw error;
  }
}
