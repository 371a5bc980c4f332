/**
 * A mount's server: checking the mount point and the machine, choosing the driver, and the
 * process, in the background or the foreground. What is in a mount does not enter.
 */
export { mountInBackground } from './background.ts';
export { serveUntilUnmounted } from './foreground.ts';
export { assertCanMount } from './requirements.ts';
export { DEFAULT_DRIVER } from './serve.ts';
