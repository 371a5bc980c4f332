import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { findMount, type TaskfsMount } from '../mount/index.ts';
import { mountInBackground } from '../server/index.ts';
import type { Store } from '../store/index.ts';
import { say } from './output.ts';

/**
 * A mount of the store: one that is there, else a new one in the user's runtime directory
 * ($XDG_RUNTIME_DIR of the XDG Base Directory Specification: private, and gone after logout), at
 * the same path for a store each time. Undefined where there is no such directory.
 */
export async function findOrMakeMount(store: Store): Promise<TaskfsMount | undefined> {
  const found = await findMount(store.path);
  const { XDG_RUNTIME_DIR: runtime } = process.env;
  if (found || !runtime?.startsWith('/')) return found;
  const which = createHash('sha256').update(store.path).digest('hex').slice(0, 8);
  const { mountpoint, notes } = await mountInBackground(store, join(runtime, `taskfs-${which}`));
  for (const note of notes) say(note);
  say(`mounted on ${mountpoint}, until 'taskfs unmount ${mountpoint}'`);
  return findMount(store.path);
}
