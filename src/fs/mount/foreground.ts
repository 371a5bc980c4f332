import type { Store } from '../../store/index.ts';
import { abortConnections, detach } from './detach.ts';
import { taskfsMountAt } from './mountinfo.ts';
import { type MountOptions, type ServedMount, serveMount } from './serve.ts';

/** For how long (milliseconds) a server waits for a connection that it broke off itself. */
const PATIENCE_MS = 2000;

/**
 * Mounts and serves until the mount is taken away, or until SIGINT, SIGTERM or SIGHUP, which take
 * it away. `ready` is called once the mount is there.
 */
export async function serveUntilUnmounted(
  store: Store,
  path: string,
  options: MountOptions,
  ready: (mount: ServedMount) => void,
): Promise<void> {
  const mount = await serveMount(store, path, options);
  const end = (): void => void takeAway(mount);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, end);
  ready(mount);
  await mount.ended;
  for (const signal of signals) process.off(signal, end);
}

/** A server that is told to end ends: where the mount is in use, its users lose it. */
async function takeAway(mount: ServedMount): Promise<void> {
  try {
    await mount.unmount();
  } catch {
    const entry = taskfsMountAt(mount.mountpoint);
    await detach(mount.mountpoint).catch(() => process.exit(1));
    if (entry) abortConnections(entry);
    setTimeout(() => process.exit(0), PATIENCE_MS).unref();
  }
}
