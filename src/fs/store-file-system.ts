import { Errno, errno } from '../errno.ts';
import type { Store } from '../store/index.ts';
import { ArchiveCache } from './archive/archive-cache.ts';
import { archiveTree } from './archive/archive-days.ts';
import type { ArchiveTree } from './archive/archive-subtree.ts';
import { KeyService } from './archive/key-service.ts';
import { DescriptorQuota } from './descriptor-quota.ts';
import type { FileSystemOptions } from './driver.ts';
import { type FileSystem, type NodeId, ROOT } from './file-system.ts';
import { HandleTable } from './handle-table.ts';
import { LiveSubtree } from './live/live-subtree.ts';
import { LogsSubtree } from './logs/logs-subtree.ts';
import { MountObservation } from './mount-observation.ts';
import { ShownTasks } from './mount-view.ts';
import { isArchive, isDay, isLive, isLog, isTaskLink, TaskSlots, TOP } from './node-ids.ts';
import { refuseChanges } from './read-only.ts';
import { RootSubtree } from './root.ts';
import { route } from './router.ts';
import type { OpenDirectory, OpenFile, Subtree } from './subtree.ts';
import { directoriesOf, filesOf, type ListAt, TaskListEvents } from './task-list-events.ts';
import { TaskRecords } from './task-records.ts';

/**
 * Makes the file system that a mount of `store` shows. Worker-safe: all of its state is in what it
 * returns.
 */
export function createFileSystem(store: Store, options: FileSystemOptions = {}): FileSystem {
  const records = new TaskRecords(store);
  const slots = new TaskSlots();
  const archives = new ArchiveCache(store, slots, new KeyService(store, options.identities));
  const quota = new DescriptorQuota(options.othersEnter ?? false);
  const live = new LiveSubtree(store, records, quota, options);
  const archive = archiveTree({ store, records, slots, archives, top: TOP.archive }, options);
  const logs = new LogsSubtree(store, slots, archives, new ShownTasks(records, options.view));
  const root = new RootSubtree(store, { live, archive, logs }, options);

  const subtreeOf = (node: NodeId): Subtree => {
    if (node === TOP.live || isLive(node)) return live;
    if (node === TOP.archive || isArchive(node) || isDay(node) || isTaskLink(node)) return archive;
    if (node === TOP.logs || isLog(node)) return logs;
    if (node === ROOT) return root;
    throw Errno.of(errno.ESTALE);
  };
  const { watcher } = live;
  const followsStatus = options.view?.status !== undefined;
  const observation =
    watcher &&
    new MountObservation(
      live.observation,
      archive,
      new TaskListEvents(store, watcher, listsOf(live, archive, logs), followsStatus),
    );
  const routed = route({
    subtreeOf,
    subtrees: [root, live, archive, logs],
    files: new HandleTable<OpenFile>(quota),
    directories: new HandleTable<OpenDirectory>(quota),
    revocation: {
      changesFd: () => live.changesFd(),
      takeChanges: () => [...live.takeChanges(), ...(observation?.takeChanges() ?? [])],
      isAnythingCached: () => live.isAnythingCached || (observation?.areListsCached ?? false),
      settle: () => Math.min(live.settle(), archives.settle()),
    },
    ...(observation && { observation }),
  });
  return {
    ...(options.refusesChanges ? refuseChanges(routed) : routed),
    close() {
      routed.close();
      archives.close();
    },
  };
}

const listsOf =
  (live: LiveSubtree, archive: ArchiveTree, logs: LogsSubtree): ListAt =>
  (node) => {
    if (node === TOP.live) return directoriesOf(node, () => live.taskNames());
    if (node === TOP.logs) return filesOf(node, () => logs.names());
    return archive.listAt(node);
  };
