import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Whether a tree has a file of another user, or one that hides what is in it. A quick look that
 * saves a container: it follows no link, and what it cannot look at counts as another's.
 */
export async function hasForeignFiles(root: string, uid: number): Promise<boolean> {
  const waiting = [root];
  try {
    if ((await lstat(root)).uid !== uid) return true;
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      for await (const entry of await opendir(path)) {
        const child = join(path, entry.name);
        if ((await lstat(child)).uid !== uid) return true;
        if (entry.isDirectory()) waiting.push(child);
      }
    }
    return false;
  } catch {
    return true;
  }
}
