import { type FSWatcher, watch } from 'node:fs';
import { fileSystemOf } from '../sys/index.ts';

/** How often (milliseconds) to look where nobody reports what changes. */
const POLL_MS = 1000;

/**
 * Calls `changed` with each name in a directory that comes, goes, or changes its attributes, and
 * without one where any may have. On network file systems, whose changes by other machines are not
 * reported, and where the directory cannot be watched, that is every second. Returns what ends it.
 */
export function watchNames(
  directory: string,
  changed: (name: string | undefined) => void,
): () => void {
  const isLocal = fileSystemOf(directory).locks === 'machine';
  const watcher = isLocal ? tryWatch(directory, (name) => changed(name ?? undefined)) : undefined;
  return pollWithout(watcher, () => changed(undefined));
}

/** Calls `changed` when a file is touched, or may have been. Returns what ends it. */
export function watchFile(path: string, changed: () => void): () => void {
  return pollWithout(tryWatch(path, changed), changed);
}

/** Calls `changed` every second where there is no watcher, or from its error on. */
function pollWithout(watcher: FSWatcher | undefined, changed: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const poll = (): void => {
    timer ??= setInterval(changed, POLL_MS).unref();
  };
  if (watcher) watcher.on('error', poll);
  else poll();
  return () => {
    watcher?.close();
    clearInterval(timer);
  };
}

/** Undefined where the user has too many watches. */
function tryWatch(path: string, changed: (name: string | null) => void): FSWatcher | undefined {
  try {
    return watch(path, { persistent: false }, (_, name) => changed(name));
  } catch {
    return undefined;
  }
}
