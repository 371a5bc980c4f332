import { closeSync } from 'node:fs';
import { cloneMount, MOUNT_ATTR, MS_PRIVATE, setMountAttributes } from '../sys/index.ts';

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
