import { unlessRefused } from '../../errno.ts';
import { bytesOfLatin1 } from '../../latin1.ts';
import { statAt } from '../../sys/index.ts';
import type { Change } from '../file-system.ts';
import type { CacheLeases } from './cache-leases.ts';
import type { DirectoryFdCache } from './directory-fd-cache.ts';
import type { Inode } from './inode.ts';
import type { InodeTable } from './inode-table.ts';
import type { UnwrittenFiles } from './unwritten-files.ts';

const NOTHING = new Uint8Array(0);

/** What inotify reports of directories beneath, as what the kernel must forget of the mount. */
export class ReportedChanges {
  private readonly table: InodeTable;
  private readonly directories: DirectoryFdCache;
  private readonly leases: CacheLeases;
  private readonly unwritten: UnwrittenFiles;

  constructor(
    table: InodeTable,
    directories: DirectoryFdCache,
    leases: CacheLeases,
    unwritten: UnwrittenFiles,
  ) {
    this.table = table;
    this.directories = directories;
    this.leases = leases;
    this.unwritten = unwritten;
  }

  /** Those since the last call. */
  take(): readonly Change[] {
    const { revoked, opened } = this.leases.take();
    const changes = revoked.map(({ directory, name }) => this.changeOf(directory, name));
    for (const event of opened) {
      const find = () => this.inodeAt(event.directory, bytesOfLatin1(event.name));
      const inode = this.unwritten.reopened(event, find);
      if (inode) changes.push(attributesOf(event.directory, inode));
    }
    this.unwritten.settle();
    return changes;
  }

  private changeOf(directory: Inode | undefined, name: Buffer): Change {
    if (!directory) this.table.expireAll();
    const inode = directory && name.length > 0 ? this.inodeAt(directory, name) : undefined;
    if (inode) this.table.setTtl(inode, 0);
    return { directory: directory?.id, name, node: inode?.id };
  }

  /** Undefined where the name or its directory is gone: the lookup that follows will say so. */
  private inodeAt(directory: Inode, name: Buffer): Inode | undefined {
    return unlessRefused(() => {
      const stat = statAt(this.directories.descriptor(directory), name);
      return this.table.find(directory.task, stat);
    });
  }
}

/** The name stays, but what it stands for may change unnoticed from now on. */
const attributesOf = (directory: Inode, inode: Inode): Change => ({
  directory: directory.id,
  name: NOTHING,
  node: inode.id,
  isContentOld: inode.open !== undefined,
});
