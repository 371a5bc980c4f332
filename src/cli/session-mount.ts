import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { taskfsMountAt } from '../mount/index.ts';
import { mountInBackground } from '../server/index.ts';
import type { Store } from '../store/index.ts';
import { say } from './output.ts';

/**
 * A mount that nobody made by hand goes when it was not used for so long, in milliseconds: desktops
 * start some programs in a way that nobody can wait for.
 */
const IDLE_TIMEOUT_MS = 30 * 60_000;

/**
 * Where this user's own mount of a store is or would be, in the runtime directory
 * ($XDG_RUNTIME_DIR of the XDG Base Directory Specification: private, and gone after logout).
 * Undefined where there is no such directory.
 */
function sessionMountpoint(store: Store): string | undefined {
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  if (!runtime?.startsWith('/')) return undefined;
  const which = createHash('sha256').update(store.path).digest('hex').slice(0, 8);
  return join(runtime, `taskfs-${which}`);
}

/**
 * Mounts the store there, for as long as something uses it. Does nothing where there is no such
 * directory, or the mount is there.
 */
export async function makeSessionMount(store: Store): Promise<void> {
  const directory = sessionMountpoint(store);
  if (directory === undefined || taskfsMountAt(directory)) return;
  const options = { idleTimeoutMs: IDLE_TIMEOUT_MS };
  const { mountpoint, notes } = await mountInBackground(store, directory, options);
  for (const note of notes) say(note);
  say(`mounted on ${mountpoint}, for as long as something uses it`);
}

/**
 * Descriptors by which a program that is opened at a path keeps the mount from going: none where
 * somebody made that mount by hand. The caller disposes them.
 */
export function holdSessionMount(
  store: Store,
  path: Buffer,
): { fds: readonly number[] } & Disposable {
  const directory = sessionMountpoint(store);
  const isInside = directory !== undefined && path.toString().startsWith(`${directory}/`);
  const fds = isInside ? [openSync(directory, 'r')] : [];
  return {
    fds,
    [Symbol.dispose]: () => {
      for (const fd of fds) closeSync(fd);
    },
  };
}
