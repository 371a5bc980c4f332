import type { Store } from '../../store/index.ts';
import type { FileSystemOptions } from '../driver.ts';
import { ShownTasks } from '../mount-view.ts';
import type { TaskRecords } from '../task-records.ts';
import { AttachedDirectories } from './attached-directories.ts';
import { CacheLeases } from './cache-leases.ts';
import { CacheTtl } from './cache-ttl.ts';
import { DeferredOpens } from './deferred-opens.ts';
import { DirectoryFdCache } from './directory-fd-cache.ts';
import { Freeze } from './freeze.ts';
import { InodeFlags } from './inode-flags.ts';
import { InodeTable } from './inode-table.ts';
import { KeptPages } from './kept-pages.ts';
import { LiveChanges } from './live-changes.ts';
import { LiveObservation } from './live-observation.ts';
import { LiveTasks } from './live-tasks.ts';
import { LiveXattrs } from './live-xattrs.ts';
import { NameOperations } from './name-operations.ts';
import { ObservedDirectories } from './observed-directories.ts';
import { OpenFiles } from './open-files.ts';
import { PinnedFiles } from './pinned-files.ts';
import type { LockDescriptors } from './record-locks.ts';
import { ReportedChanges } from './reported-changes.ts';
import { Resolver } from './resolver.ts';
import { TopDirectory } from './top-directory.ts';
import { UnwrittenFiles } from './unwritten-files.ts';

/** How many directories are kept open between calls: well below the usual limit of 1024 files. */
const DIRECTORY_LIMIT = 256;

/** What live/ is made of, each with what it needs of the others. */
export type LiveParts = ReturnType<typeof liveParts>;

/** Opens the store's directories. Leases, and what rests on them, are there only if asked for. */
export function liveParts(
  store: Store,
  records: TaskRecords,
  lockDescriptors: LockDescriptors,
  options: FileSystemOptions,
) {
  const { liveTtlMs = 0, liveMode = 'fuse', cacheLeases = false, sharedMmap = false } = options;
  const tasks = new LiveTasks(store, new ShownTasks(records, options.view));
  const top = new TopDirectory(tasks, liveMode);
  const attached = options.attached && new AttachedDirectories(options.attached);
  const directories = new DirectoryFdCache(tasks.staging, DIRECTORY_LIMIT);
  const leases = cacheLeases ? new CacheLeases(directories) : undefined;
  const table: InodeTable = new InodeTable((inode) => {
    leases?.end(inode);
    observed?.forget(inode);
    directories.close(inode);
    pins.close(inode);
  });
  const observed =
    leases &&
    new ObservedDirectories(leases, directories, ({ task }, stat) => table.find(task, stat)?.id);
  const pins = new PinnedFiles(leases);
  const resolver = new Resolver(directories, pins);
  const unwritten = leases && new UnwrittenFiles(table, resolver, leases);
  const reported =
    leases && unwritten && new ReportedChanges(table, directories, leases, unwritten);
  const names = new NameOperations(table, directories, resolver, pins);
  const freeze = new Freeze(store, records, cacheLeases);
  const pages = new KeptPages(table, store.staging);
  const deferred = new DeferredOpens({ table, resolver, leases, unwritten });
  return {
    tasks,
    top,
    attached,
    directories,
    leases,
    table,
    pins,
    resolver,
    unwritten,
    reported,
    names,
    freeze,
    deferred,
    changes: new LiveChanges({
      names,
      directories,
      resolver,
      freeze,
      leases,
      observed,
      deferred,
    }),
    observation: new LiveObservation({ table, resolver, tasks, leases, observed, attached }),
    ttl: new CacheTtl(liveTtlMs, leases, unwritten),
    files: new OpenFiles({
      table,
      records,
      freeze,
      leases,
      observed,
      unwritten,
      pages,
      deferred,
      lockDescriptors,
      sharedMmap,
    }),
    xattrs: new LiveXattrs(resolver, records),
    flags: new InodeFlags(resolver),
  };
}
