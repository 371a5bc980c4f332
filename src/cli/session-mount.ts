import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { taskfsMountAt } from '../mount/index.ts';
import { mountInBackground } from '../server/index.ts';
import type { Store } from '../store/index.ts';
import { say } from './output.ts';

/**
 * Mounts the store in the user's runtime directory ($XDG_RUNTIME_DIR of the XDG Base Directory
 * Specification: private, and gone after logout), at the same path for a store each time. Does
 * nothing where there is no such directory, or the mount is there.
 */
export async function makeSessionMount(store: Store): Promise<void> {
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  if (!runtime?.startsWith('/')) return;
  const which = createHash('sha256').update(store.path).digest('hex').slice(0, 8);
  const directory = join(runtime, `taskfs-${which}`);
  if (taskfsMountAt(directory)) return;
  const { mountpoint, notes } = await mountInBackground(store, directory);
  for (const note of notes) say(note);
  say(`mounted on ${mountpoint}, until 'taskfs unmount ${mountpoint}'`);
}
