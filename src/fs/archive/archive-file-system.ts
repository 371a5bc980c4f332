import { Errno, errno } from '../../errno.ts';
import type { Store } from '../../store/index.ts';
import type { FileSystemOptions } from '../driver.ts';
import { type FileSystem, type NodeId, ROOT } from '../file-system.ts';
import type { Handles } from '../handle-table.ts';
import { TaskSlots } from '../node-ids.ts';
import { route } from '../router.ts';
import { TaskRecords } from '../task-records.ts';
import { ArchiveCache } from './archive-cache.ts';
import { archiveTree } from './archive-days.ts';
import { ArchiveObservation } from './archive-observation.ts';
import { KeyService } from './key-service.ts';
import { ReaddirplusPolicy } from './readdirplus-policy.ts';

/**
 * archive/ as a file system of its own, for a connection on which nothing is opened: a node is its
 * own handle. Answering OPEN, OPENDIR and FLUSH with ENOSYS tells the kernel not to ask for them
 * again, for the whole connection; live files need them, which is why these are two.
 */
export function createFileSystem(store: Store, options: FileSystemOptions = {}): FileSystem {
  const records = new TaskRecords(store);
  const slots = new TaskSlots();
  const archives = new ArchiveCache(store, slots, new KeyService(store, options.identities));
  const policy = new ReaddirplusPolicy();
  const parts = { store, records, slots, archives, top: ROOT, policy };
  const archive = archiveTree(parts, options);
  const observation = new ArchiveObservation(store, archive);
  const fileSystem = route({
    subtreeOf: () => archive,
    subtrees: [archive],
    files: new NodesAsHandles((node) => archive.fileAt(node)),
    directories: new NodesAsHandles((node) => archive.directoryAt(node)),
    revocation: {
      changesFd: () => observation.fd,
      takeChanges: () => [...policy.takeChanges(), ...observation.takeChanges()],
      settle: () => archives.settle(),
    },
    observation,
  });
  return {
    ...fileSystem,
    ...unsupported,
    // The kernel names no handle, or one that was never given.
    getattr: (node) => archive.getattr(node),
    // There is none, and to find that out would look the file up once more for each read.
    contentFd: () => undefined,
    close() {
      fileSystem.close();
      observation.close();
      archives.close();
    },
  };
}

/** What is read as a node's file or directory is looked up for each call, and never opened. */
class NodesAsHandles<T> implements Handles<T> {
  readonly get: (node: NodeId) => T;
  readonly assertFree = notSupported;
  readonly add = notSupported;
  readonly close = notSupported;

  constructor(get: (node: NodeId) => T) {
    this.get = get;
  }

  closeAll(): void {}
}

/** Operations that the kernel does without for the whole connection once they are ENOSYS. */
const unsupported = {
  flush: notSupported,
  fsync: notSupported,
  fsyncdir: notSupported,
  syncfs: notSupported,
  getlk: notSupported,
  setlk: notSupported,
  lockHolder: notSupported,
  flock: notSupported,
};

function notSupported(): never {
  throw Errno.of(errno.ENOSYS);
}
