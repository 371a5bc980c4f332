import { setTimeout as sleep } from 'node:timers/promises';
import { abortConnections, detach, taskfsMountAt } from '../mount/index.ts';
import { exitProcess, unignoredSignals } from '../process/index.ts';
import type { Store } from '../store/index.ts';
import { type MountOptions, type ServedMount, serveMount } from './serve.ts';

/** For how long (milliseconds) a server waits for an unmount, and then for a connection that it broke off. */
const PATIENCE_MS = 2000;

/**
 * Mounts and serves until the mount is taken away, or until SIGINT, SIGTERM, SIGHUP or SIGQUIT,
 * which take it away where they are not ignored. `ready` is called once the mount is there.
 */
export async function serveUntilUnmounted(
  store: Store,
  path: string,
  options: MountOptions,
  ready: (mount: ServedMount) => void,
): Promise<void> {
  const mount = await serveMount(store, path, options);
  const end = (): void => void takeAway(mount);
  const signals = unignoredSignals(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']);
  for (const signal of signals) process.on(signal, end);
  ready(mount);
  await mount.ended;
  for (const signal of signals) process.off(signal, end);
}

/**
 * A server that is told to end ends: users of the mount lose it, and so do copies of it in other
 * mount namespaces (as that of a container engine), which outlive an unmount here.
 */
async function takeAway(mount: ServedMount): Promise<void> {
  const entry = taskfsMountAt(mount.mountpoint);
  const unmounted = mount.unmount().then(
    () => true,
    () => false,
  );
  if (await Promise.race([unmounted, sleep(PATIENCE_MS, false, { ref: false })])) return;
  await detach(mount.mountpoint).catch(() => {
    if (taskfsMountAt(mount.mountpoint)) exitProcess(1);
  });
  if (entry) abortConnections(entry);
  setTimeout(() => exitProcess(0), PATIENCE_MS).unref();
}
