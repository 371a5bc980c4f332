/**
 * What is mounted: the mount table, which mounts are ours, who writes through them,
 * unmounting. What a mount shows, and how it is served, does not enter.
 */

export { findInMounts, type ShownFile } from './find-mount.ts';
export {
  escapeCommas,
  FUSERMOUNT,
  FUSERMOUNT_2,
  fusermount,
  fusermountMissing,
} from './fusermount.ts';
export {
  ARCHIVE_DIRECTORY,
  ARCHIVE_SUBTYPE,
  allMounts,
  LIVE_DIRECTORY,
  type MountEntry,
  mountAt,
  mountSource,
  SUBTYPE,
  type TaskfsMount,
  taskfsMountAt,
  taskfsMounts,
} from './mountinfo.ts';
export { prepareMountpoint } from './mountpoint.ts';
export { type Liveness, probeMount, readLiveMode } from './probe.ts';
export { isInUse } from './processes.ts';
export { abortConnection, detach, unmount, unmountDirectory, unmountLibfuse } from './unmount.ts';
export { startUnmountWatchdog, type UnmountWatchdog } from './unmount-watchdog.ts';
export {
  DRAIN_MS,
  findDirectWriters,
  findWriters,
  isWrittenDirectly,
  type Writer,
  waitForWriters,
} from './writers.ts';
