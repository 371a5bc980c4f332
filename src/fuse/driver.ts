import { extname, join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { Serve, Served, ServeOptions } from '../fs/index.ts';
import type { UnmountWatchdog } from '../mount/index.ts';
import { ARCHIVE_DIRECTORY, ARCHIVE_SUBTYPE, mountSource, SUBTYPE } from '../mount/index.ts';
import { MNT_DETACH, raiseOpenFiles, UMOUNT_NOFOLLOW, unmountFrom } from '../sys/index.ts';
import { type ServedConnection, serveFileSystem } from './connection.ts';
import { WatcherRegistry } from './inotify/watcher-registry.ts';
import { widenReadAhead } from './mount.ts';
import { UseCounter } from './use-counter.ts';

const STORE = new URL(`../fs/store-file-system${extname(import.meta.url)}`, import.meta.url);
const ARCHIVE = new URL(
  `../fs/archive/archive-file-system${extname(import.meta.url)}`,
  import.meta.url,
);

/** Enough for all programs of several users; Linux's own limit (fs.nr_open) by default. */
const OPEN_FILES = 2 ** 20;

/**
 * Serves a store by the kernel driver, as src/fs/driver.ts asks of drivers. As root archive/ is a
 * connection of its own, mounted inside the first, on which the kernel opens files without asking:
 * what never changes is then read again without a request. A plain user's fusermount3 may not look
 * into that user's mount, so there archive/ shares the connection.
 */
export const serve: Serve = async (mountpoint, options) => {
  const { store, fileSystem, countsUses, ...rest } = options;
  const isRoot = process.geteuid?.() === 0;
  const refusesChanges = !isRoot && isReadOnlyAndTold(options);
  const readOnly = options.readOnly && !refusesChanges;
  const memory = countsUses ? UseCounter.allocate() : undefined;
  if (isRoot) raiseOpenFiles(OPEN_FILES);
  const watchers = new WatcherRegistry();
  const outerOptions = {
    ...rest,
    readOnly,
    // Only root has another way into a mount that the kernel lets nobody change.
    notify: options.notify && (!readOnly || isRoot),
    fileSystem: {
      module: STORE.href,
      arguments: [store, { ...fileSystem, cacheLeases: true, refusesChanges }],
    },
    sourceName: mountSource(store),
    subtype: SUBTYPE,
    hasAttachments: fileSystem.attached !== undefined,
    ...(memory && { uses: memory }),
  };
  const outer = await serveFileSystem(mountpoint, outerOptions, { watchers });
  const counter = memory && new UseCounter(memory);
  const serving = { ...outer, notes: [], ...(counter && { uses: () => counter.uses }) };
  if (!isRoot) return serving;
  try {
    return joined(serving, await serveArchive(mountpoint, options, watchers, memory));
  } catch (error) {
    const note = `archive/ has no connection of its own, and is slower: ${messageOf(error)}`;
    return { ...serving, notes: [note] };
  }
};

/**
 * A kernel that refuses changes by itself would refuse those of the notifier, which raise events.
 * Where others may enter it goes by modes, and access(2) would say that they may write.
 */
const isReadOnlyAndTold = ({ readOnly, notify, allowOther }: ServeOptions): boolean =>
  readOnly && notify && !allowOther;

async function serveArchive(
  mountpoint: string,
  options: ServeOptions,
  watchers: WatcherRegistry,
  uses: SharedArrayBuffer | undefined,
): Promise<ServedConnection> {
  const { store, fileSystem, allowOther, nosymfollow, notify } = options;
  const directory = join(mountpoint, ARCHIVE_DIRECTORY);
  const fuseOptions = {
    fileSystem: { module: ARCHIVE.href, arguments: [store, fileSystem] },
    sourceName: mountSource(store),
    subtype: ARCHIVE_SUBTYPE,
    allowOther,
    nosymfollow,
    readOnly: true,
    notify,
    stateless: true,
    ...(uses && { uses }),
  };
  const beside = { watchdog: detaching(directory), watchers };
  const served = await serveFileSystem(directory, fuseOptions, beside);
  await widenReadAhead(directory);
  return served;
}

/** Should this connection end alone, archive/ is served by the other; that one has a watchdog. */
const detaching = (directory: string): UnmountWatchdog => ({
  dismiss: () => {},
  unmount: () => {
    try {
      unmountFrom(directory, MNT_DETACH | UMOUNT_NOFOLLOW);
    } catch {
      // Gone already, with the mount around it.
    }
  },
});

const joined = (outer: Served, archive: ServedConnection): Served => ({
  ...outer,
  ended: Promise.all([outer.ended, archive.ended.catch(() => {})]).then(() => {}),
  unmount: async () => {
    await archive.unmount();
    await outer.unmount();
  },
  abort: () => {
    outer.abort?.();
    archive.abort?.();
  },
});
