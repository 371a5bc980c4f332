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
  let timer: NodeJS.Timeout | undefined;
  const poll = (): void => {
    timer ??= setInterval(() => changed(undefined), POLL_MS).unref();
  };
  const isLocal = fileSystemOf(directory).locks === 'machine';
  const watcher = isLocal ? tryWatch(directory, (name) => changed(name ?? undefined)) : undefined;
  if (watcher) watcher.on('error', poll);
  else poll();
  return () => {
    watcher?.close();
    clearInterval(timer);
  };
}

/** Calls `changed` when a file is touched, if that is reported. Returns what ends it. */
export function watchFile(path: string, changed: () => void): () => void {
  const watcher = tryWatch(path, changed);
  watcher?.on('error', () => {});
  return () => watcher?.close();
}

/** Undefined where the user has too many watches. */
function tryWatch(path: string, changed: (name: string | null) => void): FSWatcher | undefined {
  try {
    return watch(path, { persistent: false }, (_, name) => changed(name));
  } catch {
    return undefined;
  }
}
