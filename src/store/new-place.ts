import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { TaskfsError } from '../errors.ts';

/**
 * Refuses a place for a new store that lies in another one, where it would be in the way of what
 * is there. The files of a task may hold one, as they may hold anything. Throws `usage`.
 */
export function assertInNoStore(path: string): void {
  let inner = dirname(path);
  while (!existsSync(inner)) inner = dirname(inner);
  const place = realpathSync(inner);
  for (let above = place; above !== dirname(above); above = dirname(above)) {
    if (!isStore(above)) continue;
    const [part, task] = relative(above, place).split('/');
    if (part === 'staging' && task !== undefined) continue;
    throw new TaskfsError('usage', `${path} lies in the store ${above}`, {
      hint: 'Choose a place outside of it with --store or TASKFS_STORE.',
    });
  }
}

const isStore = (path: string): boolean =>
  ['store.json', 'tasks'].every((name) => existsSync(join(path, name)));
