/**
 * The kernel’s FUSE protocol in TypeScript: structs (protocol/), handlers, the loop, notifications,
 * events for those who watch the mount (inotify/), mounting. Nothing here knows tasks; what is
 * served is a `FileSystem`.
 */
export { serve } from './driver.ts';
