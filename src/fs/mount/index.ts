/**
 * mount: from a directory to a mount that is served, and back. Checks mount points and the machine,
 * cleans up after killed servers, picks the driver, and starts servers in the background. Nothing
 * here touches a mount from its own process, since that may be the one that serves it.
 */
export { type BackgroundMount, mountInBackground, serverLog } from './background.ts';
export { detach } from './detach.ts';
export { serveUntilUnmounted } from './foreground.ts';
export { type Liveness, probeMount } from './liveness.ts';
export { type TaskfsMount, taskfsMountAt, taskfsMounts } from './mountinfo.ts';
export { locate, prepareMountpoint } from './mountpoint.ts';
export { assertCanMount } from './requirements.ts';
export { defaultDriver, type MountOptions, type ServedMount, serveMount } from './serve.ts';
export { unmount } from './unmount.ts';
