import { closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Errno, errno } from '../errno.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { MNT_DETACH, O_PATH, UMOUNT_NOFOLLOW, unmountFrom } from '../sys/index.ts';
import { FUSERMOUNT, FUSERMOUNT_2, runUnmounting } from './fusermount.ts';
import { locate } from './locate.ts';
import {
  allMounts,
  isTaskfs,
  type MountEntry,
  mountAt,
  type TaskfsMount,
  taskfsMountAt,
  taskfsMounts,
} from './mountinfo.ts';
import { probeMount } from './probe.ts';

/** The mount's own notifier has it in use for moments (src/fuse/inotify/). Milliseconds. */
const BUSY_RETRY_MS = 50;
const BUSY_RETRIES = 5;

const isBusy = (cause: unknown): boolean =>
  cause instanceof Errno ? cause.errno === errno.EBUSY : /busy/.test(String(cause));

const isRoot = (): boolean => process.geteuid?.() === 0;

/**
 * Unmounts the store on a directory, also where its server is dead or hung. Throws `usage` where
 * no taskfs is mounted there, `failed` where it is in use.
 */
export async function unmount(path: string): Promise<void> {
  const mountpoint = locate(path);
  const mount = taskfsMountAt(mountpoint);
  if (!mount) throw notOurs(mountpoint, path);
  const liveness = await probeMount(mountpoint);
  if (liveness === 'alive') return unmountWhole(mount);
  if (liveness === 'hung') for (const each of wholeOf(mount)) abortMounted(each);
  await detach(mountpoint);
}

function notOurs(mountpoint: string, path: string): TaskfsError {
  const top = mountAt(mountpoint);
  if (top?.owner === undefined || !isTaskfs(top)) {
    return new TaskfsError('usage', `no taskfs is mounted on ${path}`, {
      hint: "'taskfs doctor' lists the mounts that are there.",
    });
  }
  return new TaskfsError('usage', `the mount on ${path} is another user's (id ${top.owner})`, {
    hint: `That user can unmount it with 'taskfs unmount', root with 'umount ${mountpoint}'.`,
  });
}

/**
 * What is mounted inside first. Where only the outer one is in use it stays, and serves live/ and
 * archive/ as well.
 */
async function unmountWhole({ mountpoint, archive }: TaskfsMount): Promise<void> {
  closeSync(openOwn(mountpoint));
  await unmountAttached(mountpoint);
  if (archive) await unmountArchive(archive);
  for (let attempt = 1; ; attempt++) {
    try {
      return await unmountDirectory(mountpoint);
    } catch (error) {
      // A task may have come meanwhile.
      if (attempt === ATTEMPTS || !(await unmountAttached(mountpoint))) throw error;
    }
  }
}

/** How often tasks may come while a mount is unmounted. */
const ATTEMPTS = 10;

/** Unmounts the staging directories that are mounted in live/; false where there is none. */
async function unmountAttached(mountpoint: string): Promise<boolean> {
  const attached = taskfsMountAt(mountpoint)?.attached ?? [];
  for (const { mountpoint: place } of attached.toReversed()) await unmountDirectory(place);
  return attached.length > 0;
}

async function unmountArchive(archive: MountEntry): Promise<void> {
  const { mountpoint } = archive;
  const liveness = await probeMount(mountpoint);
  if (liveness === 'alive') return unmountDirectory(mountpoint);
  if (liveness === 'hung') abortMounted(archive);
  await detach(mountpoint);
}

/** Unmounts a directory as root or as the user who mounted it; one that is in use is refused. */
export async function unmountDirectory(directory: string): Promise<void> {
  for (let retries = BUSY_RETRIES; ; retries--) {
    try {
      if (isRoot()) unmountFrom(directory, UMOUNT_NOFOLLOW);
      else await runUnmounting(FUSERMOUNT, ['-u', '--', directory]);
      return;
    } catch (cause) {
      if (retries === 0 || !isBusy(cause)) throw cannotUnmount(directory, cause);
    }
    await sleep(BUSY_RETRY_MS);
  }
}

/**
 * The same for a mount of libfuse 2 that this very thread serves: by another process, since it
 * must stay free to answer what the kernel asks while it unmounts.
 */
export async function unmountLibfuse(directory: string): Promise<void> {
  try {
    if (isRoot()) await runUnmounting('umount', ['--no-canonicalize', '--', directory]);
    else await runUnmounting(FUSERMOUNT_2, ['-u', '--', directory]);
  } catch (cause) {
    throw cannotUnmount(directory, cause);
  }
}

function cannotUnmount(directory: string, cause: unknown): TaskfsError {
  if (!isBusy(cause)) {
    const reason = cause instanceof Errno ? cause.code : messageOf(cause);
    return new TaskfsError('failed', `cannot unmount ${directory}: ${reason}`, { cause });
  }
  return new TaskfsError('failed', `${directory} is in use`, {
    hint: `Leave the directory and close its files; 'fuser -vm ${directory}' lists who uses it.`,
    cause,
  });
}

/**
 * Unmounts lazily (MNT_DETACH), with what is mounted in it, whoever still uses it, without
 * touching it: for mounts whose server is dead or hung. As root, or as the plain user whose mount
 * it is.
 */
export async function detach(mountpoint: string): Promise<void> {
  try {
    if (isRoot()) detachAsRoot(mountpoint);
    else await runUnmounting(FUSERMOUNT, ['-uz', '--', mountpoint]);
  } catch (cause) {
    throw new TaskfsError(
      'failed',
      `cannot unmount the dead mount on ${mountpoint}: ${messageOf(cause)}`,
      {
        hint: `Try '${FUSERMOUNT} -uz ${mountpoint}' as root, or as the user who mounted it.`,
        cause,
      },
    );
  }
}

/** By the descriptor of the very mount that was checked: what the path leads to by then stays. */
function detachAsRoot(mountpoint: string): void {
  const fd = openOwn(mountpoint);
  try {
    unmountFrom(`/proc/self/fd/${fd}`, MNT_DETACH);
  } finally {
    closeSync(fd);
  }
}

/**
 * A descriptor of this user's mount on a directory, opened without a request to its server.
 * Throws where the path leads to another mount, as one that lies over it.
 */
function openOwn(mountpoint: string): number {
  const fd = openSync(mountpoint, O_PATH | constants.O_NOFOLLOW);
  const id = Number(/^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]);
  const own = taskfsMounts().flatMap(wholeOf);
  if (own.some((mount) => mount.id === id)) return fd;
  closeSync(fd);
  throw new TaskfsError('failed', `another mount lies over ${mountpoint}`, {
    hint: `'findmnt ${mountpoint}' shows it; it must go first.`,
  });
}

const wholeOf = (mount: TaskfsMount): readonly MountEntry[] =>
  mount.archive ? [mount, mount.archive] : [mount];

/**
 * Aborts a hung mount's connection, unless it was unmounted while that was found out: its number
 * may be another's then.
 */
function abortMounted({ id, mountpoint, minor }: MountEntry): void {
  const isStill = (each: MountEntry) =>
    each.id === id && each.mountpoint === mountpoint && each.minor === minor;
  if (allMounts().some(isStill)) abortConnection(minor);
}

/**
 * Aborts the FUSE connection with this number, which the caller knows to exist: every call that
 * waits on it fails at once.
 */
export function abortConnection(minor: number): void {
  try {
    writeFileSync(`/sys/fs/fuse/connections/${minor}/abort`, '1');
  } catch {
    // Without fusectl or the right to it, detaching is all that can be done.
  }
}
