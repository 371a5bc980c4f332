/**
 * A mount's server: checking the mount point and the machine, choosing the driver, and the
 * process, in the background or the foreground. What is in a mount does not enter.
 */
export { chooseLiveMode, LIVE_MODES } from '../attach/index.ts';
export { mountInBackground } from './background.ts';
export { serveUntilUnmounted } from './foreground.ts';
export { assertCanMount } from './requirements.ts';
export { DEFAULT_DRIVER, type ServedMount } from './serve-mount.ts';
