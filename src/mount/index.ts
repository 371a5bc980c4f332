/**
 * What is mounted: the mount table, which mounts are ours, who writes through them, taking them away.
 * What a mount shows, and how it is served, does not enter.
 */
export { abortConnections, detach } from './detach.ts';
export { type Liveness, probeMount } from './liveness.ts';
export { allMounts, type TaskfsMount, taskfsMountAt, taskfsMounts } from './mountinfo.ts';
export { prepareMountpoint } from './mountpoint.ts';
export { ARCHIVE_DIRECTORY, ARCHIVE_SUBTYPE, mountSource, SUBTYPE } from './source.ts';
export { unmount } from './unmount.ts';
export { unmountDirectory } from './unmount-directory.ts';
export { type Guard, guardMount } from './unmount-watchdog.ts';
export {
  DRAIN_MS,
  findDirectWriters,
  findWriters,
  isWrittenDirectly,
  type Writer,
  waitForWriters,
} from './writers.ts';
