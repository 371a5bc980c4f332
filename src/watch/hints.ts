import { isUtf8 } from 'node:buffer';
import type { FSWatcher } from 'chokidar';
import { messageOf } from '../errors.ts';
import type { LiveTree, TreeNode } from './tree.ts';

/** More names than this in one directory at once: listing it is cheaper than asking for each. */
const MANY_NAMES = 256;
/** The kernel drops events beyond 16,384 waiting ones, silently: half of it is a burst. */
const BURST = 8_192;

/** What may have changed: some names of a directory, or anything in it. */
export type Hint = ReadonlySet<string> | 'anything';

/**
 * Where something happened in a directory tree, from chokidar. Hints only: what happened is found
 * by a scan (src/watch/scan.ts). Chokidar watches directories, one inotify watch each, and leaves
 * files to us: its names are strings, so a file whose name is not UTF-8 would be lost.
 */
export class Hints {
  /** Why changes are not all noticed by themselves; undefined while they are. */
  trouble: string | undefined;
  /** Perhaps more happened than was noticed. */
  overflowed = false;
  private readonly path: string;
  private readonly wake: () => void;
  private watcher: FSWatcher | undefined;
  private byDirectory = new Map<string, Set<string> | 'anything'>();
  private count = 0;
  /** Resolves once the tree is watched, or will not be. */
  private readonly settled = Promise.withResolvers<void>();
  private isClosed = false;

  /** `wake` is called for every hint and every trouble. */
  constructor(path: string, wake: () => void) {
    this.path = path;
    this.wake = wake;
  }

  /** Resolves when the whole tree is being watched, or nobody wants to know any more. */
  async start(): Promise<void> {
    const { watch } = await import('chokidar');
    if (this.isClosed) return;
    const watcher = watch(this.path, {
      followSymlinks: false,
      ignorePermissionErrors: true,
      atomic: false,
      ignored: (_path, stats) => stats !== undefined && !stats.isDirectory(),
    });
    this.watcher = watcher;
    watcher.on('raw', (_event, name, about) => {
      this.add((about as { watchedPath: string }).watchedPath, name);
    });
    // What was put into a new directory before its watch stood has raised no event.
    watcher.on('addDir', (path) => this.add(path, null));
    watcher.on('error', (error) => this.fail(error));
    // A watcher that is closed is never ready.
    watcher.once('ready', this.settled.resolve);
    await this.settled.promise;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.settled.resolve();
    await this.watcher?.close();
    this.byDirectory.clear();
  }

  /** Takes all hints since the last time. */
  take(): Map<string, Hint> {
    const taken = this.byDirectory;
    this.byDirectory = new Map();
    this.count = 0;
    this.overflowed = false;
    return taken;
  }

  /** Asks for a directory's listing again. */
  putBack(directory: string): void {
    this.add(directory, null);
  }

  private add(directory: string, name: string | null): void {
    const known = this.byDirectory.get(directory);
    this.count += 1;
    if (this.count > BURST) this.overflowed = true;
    if (known !== 'anything') this.byDirectory.set(directory, widen(known, name));
    this.wake();
  }

  private fail(error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return;
    this.trouble ??= troubleOf(code, error);
    this.wake();
  }
}

function widen(known: Set<string> | undefined, name: string | null): Set<string> | 'anything' {
  // U+FFFD stands for bytes that are not UTF-8: which, only a listing shows.
  if (!name || name.includes('\uFFFD')) return 'anything';
  const names = known ?? new Set<string>();
  names.add(name);
  return names.size > MANY_NAMES ? 'anything' : names;
}

function troubleOf(code: string | undefined, error: unknown): string {
  if (code === 'ENOSPC')
    return "the system's limit of inotify watches is reached (fs.inotify.max_user_watches)";
  if (code === 'EMFILE')
    return (
      'the limit of inotify instances or of open files is reached ' +
      '(fs.inotify.max_user_instances)'
    );
  return `the system's change notification failed: ${messageOf(error)}`;
}

/**
 * The directory of the tree that a path from chokidar means, or the nearest one above that is
 * known.
 */
export function locate(
  tree: LiveTree,
  root: string,
  path: string,
): { node: TreeNode; exact: boolean } {
  const relative = path.length > root.length ? path.slice(root.length + 1) : '';
  return tree.find(relative === '' ? [] : relative.split('/').map((name) => Buffer.from(name)));
}

/** Whether a tree has a directory that chokidar cannot name, and so cannot watch. */
export function hasUnwatchable(root: TreeNode): boolean {
  const pending = [root];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (!isUtf8(node.name)) return true;
    for (const child of node.children.values()) {
      if (child.entry.kind === 'directory') pending.push(child);
    }
  }
  return false;
}
