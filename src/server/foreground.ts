import { setTimeout as sleep } from 'node:timers/promises';
import { detach, taskfsMountAt } from '../mount/index.ts';
import { exitProcess, onSignals } from '../process/index.ts';
import type { Store } from '../store/index.ts';
import { unmountWhenUnused } from './idle-timeout.ts';
import { log, type MountOptions, type ServedMount, serveMount } from './serve-mount.ts';

/** How long (milliseconds) a server waits for an unmount, and then for a connection it aborted. */
const TIMEOUT_MS = 2000;

/**
 * Mounts and serves until it is unmounted, or until SIGINT, SIGTERM, SIGHUP or SIGQUIT,
 * which unmount it where they are not ignored, or until it was not used for as long as `options`
 * says. `ready` is called once the mount is there.
 */
export async function serveUntilUnmounted(
  store: Store,
  path: string,
  options: MountOptions,
  ready: (mount: ServedMount) => void,
): Promise<void> {
  const mount = await serveMount(store, path, options);
  const end = (): void => void endMount(mount);
  const stopListening = onSignals(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'], end);
  ready(mount);
  const { idleTimeoutMs } = options;
  const stopWaiting =
    idleTimeoutMs === undefined ? () => {} : unmountWhenUnused(mount, idleTimeoutMs, log);
  await mount.ended.finally(stopWaiting);
  stopListening();
}

/**
 * Ends the mount whoever uses it, since its server must end. Copies of the mount in other mount
 * namespaces (as that of a container engine), which outlive an unmount here, die too.
 */
async function endMount(mount: ServedMount): Promise<void> {
  const unmounted = mount.unmount().then(
    () => true,
    () => false,
  );
  if (await Promise.race([unmounted, sleep(TIMEOUT_MS, false, { ref: false })])) return;
  await detach(mount.mountpoint).catch(() => {
    if (taskfsMountAt(mount.mountpoint)) exitProcess(1);
  });
  mount.abort?.();
  setTimeout(() => exitProcess(0), TIMEOUT_MS).unref();
}
