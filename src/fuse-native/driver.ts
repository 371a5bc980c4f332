import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, TaskfsError } from '../errors.ts';
import { createFileSystem, type Serve, type ServeOptions } from '../fs/index.ts';
import {
  mountSource,
  SUBTYPE,
  startUnmountWatchdog,
  taskfsMountAt,
  unmountLibfuse,
} from '../mount/index.ts';
import { loadFuseNative, type NativeFuse } from './fuse-native.ts';
import { makeOperations } from './operations.ts';

/**
 * How often (milliseconds) to check that the mount is still there: the package does not report it.
 */
const POLL_MS = 250;
const MOUNT_TIMEOUT_MS = 10_000;

/** Serves by libfuse 2 through the fuse-native package, on this thread. */
export const serve: Serve = async (mountpoint, options) => {
  if (options.nosymfollow) {
    throw new TaskfsError('usage', "the driver 'libfuse' cannot mount with --nosymfollow", {
      hint: "'--driver kernel' can, on Linux.",
    });
  }
  if (options.countsUses) {
    throw new TaskfsError('usage', "the driver 'libfuse' cannot mount with --idle-timeout", {
      hint: "'--driver kernel' can, on Linux.",
    });
  }
  const Fuse = loadFuseNative();
  // The kernel has applied the caller's umask by the time that a request comes.
  process.umask(0);
  const fileSystem = createFileSystem(options.store, options.fileSystem);
  const fuse = new Fuse(mountpoint, makeOperations(fileSystem), {
    fsname: mountOptions(options),
    subtype: SUBTYPE,
    allowOther: options.allowOther,
    defaultPermissions: true,
    timeout: false,
  });
  await mount(fuse, mountpoint);
  const watchdog = startUnmountWatchdog(mountpoint);
  const ended = untilGone(mountpoint).then(() => {
    watchdog.dismiss();
    fileSystem.close();
  });
  return {
    ended,
    unmount: () => unmountLibfuse(mountpoint),
    notes: ["the driver 'libfuse' has the limits that docs/mounting.md lists"],
  };
};

/**
 * Options that the package has no field for are appended to the name. Attributes and names are
 * never cached, since they cannot be invalidated.
 */
function mountOptions({ store, readOnly }: ServeOptions): string {
  const extra = [
    'big_writes',
    'use_ino',
    'entry_timeout=0',
    'attr_timeout=0',
    'negative_timeout=0',
  ];
  return [mountSource(store), ...extra, ...(readOnly ? ['ro'] : [])].join(',');
}

function mount(fuse: NativeFuse, mountpoint: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(failed(mountpoint, 'it does not answer')),
      MOUNT_TIMEOUT_MS,
    );
    fuse.mount((error) => {
      clearTimeout(late);
      if (error) reject(failed(mountpoint, messageOf(error)));
      else resolve();
    });
  });
}

const failed = (mountpoint: string, reason: string): TaskfsError =>
  new TaskfsError('failed', `cannot mount on ${mountpoint}: ${reason}`, {
    hint: "'taskfs doctor' checks /dev/fuse, fusermount and the directory.",
  });

async function untilGone(mountpoint: string): Promise<void> {
  while (taskfsMountAt(mountpoint)) await sleep(POLL_MS);
}
