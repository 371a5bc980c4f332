import { IN, RENAME_EXCHANGE } from '../../sys/index.ts';
import type { Caller } from '../file-system.ts';
import type { CacheLeases } from './cache-leases.ts';
import type { DeferredOpens } from './deferred-opens.ts';
import type { DirectoryFdCache } from './directory-fd-cache.ts';
import { markMade, markMadeIn, markRenamed } from './editor-files.ts';
import type { Freeze } from './freeze.ts';
import type { Inode } from './inode.ts';
import type { Made, MadeFile, NameOperations } from './name-operations.ts';
import type { ObservedDirectories } from './observed-directories.ts';
import type { Resolver } from './resolver.ts';

interface Parts {
  readonly names: NameOperations;
  readonly directories: DirectoryFdCache;
  readonly resolver: Resolver;
  readonly freeze: Freeze;
  readonly leases: CacheLeases | undefined;
  readonly observed: ObservedDirectories | undefined;
  readonly deferred: DeferredOpens;
}

/**
 * Changes of live tasks' files through the mount. Each holds off the freeze while it is made, and
 * is reported to the leases and to the observed directories, which tell it by this from what
 * somebody else changes beneath.
 */
export class LiveChanges {
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /**
   * Changes one inode, which whoever still has it open for writing may always do. Inotify will
   * report it by these kinds of events.
   */
  ofInode(inode: Inode, kinds: number, action: () => void): void {
    const { freeze, deferred } = this.parts;
    deferred.openAll();
    if (isBeingWritten(inode)) {
      freeze.assertOpen(inode.task);
      action();
    } else {
      freeze.change(inode.task, action);
    }
    this.changed(inode, kinds);
  }

  /** Makes a name by one of the operations on names. */
  make(directory: Inode, name: Uint8Array, action: (names: NameOperations) => Made): Made {
    const { names, directories, observed } = this.parts;
    return this.ofName(directory, IN.CREATE, name, () => {
      const made = action(names);
      markMadeIn(directories.descriptor(directory), name);
      observed?.noteOwnName(directory, name);
      return made;
    });
  }

  /** Removes a name by one of the operations on names. */
  remove(directory: Inode, name: Uint8Array, action: (names: NameOperations) => void): void {
    const { names } = this.parts;
    this.ofName(directory, IN.DELETE, name, () => action(names));
  }

  /** Changes one name, which inotify will report by the event `kind`. */
  private ofName<T>(directory: Inode, kind: number, name: Uint8Array, action: () => T): T {
    const { freeze, leases } = this.parts;
    return freeze.change(directory.task, () => {
      leases?.prepare(directory);
      const result = action();
      leases?.changed(directory, kind, name);
      return result;
    });
  }

  /** As renameat2(2). */
  rename(from: Inode, name: Uint8Array, to: Inode, newName: Uint8Array, flags: number): void {
    const { freeze, leases, names, directories, observed } = this.parts;
    freeze.change(from.task, () => {
      leases?.prepare(from);
      leases?.prepare(to);
      names.rename(from, name, to, newName, flags);
      if (!(flags & RENAME_EXCHANGE)) {
        markRenamed(directories.descriptor(to), name, newName);
        observed?.noteOwnName(to, newName);
      }
      leases?.moved(from, name, to, newName);
      if (flags & RENAME_EXCHANGE) leases?.moved(to, newName, from, name);
    });
  }

  /**
   * Creates a file and opens it by `open`, while that still holds off the freeze. Undefined where
   * the name exists and the flags do not ask for O_EXCL: it is then to be opened like any other.
   */
  create<T>(
    directory: Inode,
    name: Uint8Array,
    flags: number,
    mode: number,
    caller: Caller,
    open: (file: MadeFile) => T,
  ): T | undefined {
    const { freeze, leases, names } = this.parts;
    return freeze.change(directory.task, () => {
      leases?.prepare(directory);
      const file = names.create(directory, name, flags, mode, caller);
      if (!file) return undefined;
      markMade(file.fd, name);
      leases?.changed(directory, IN.CREATE, name);
      return open(file);
    });
  }

  /** The same of a file without a name. */
  tmpfile<T>(
    directory: Inode,
    flags: number,
    mode: number,
    caller: Caller,
    open: (file: MadeFile) => T,
  ): T {
    const { freeze, names } = this.parts;
    return freeze.change(directory.task, () => open(names.tmpfile(directory, flags, mode, caller)));
  }

  /** The mount has opened an inode for writing and closed it, though nobody asked for that. */
  closedWritten(inode: Inode): void {
    this.parts.observed?.noteOwnClose(inode);
  }

  /** The mount has just changed the content or the attributes of an inode: which, bits of IN. */
  changed(inode: Inode, kinds: number): void {
    const { observed, resolver } = this.parts;
    observed?.noteOwn(inode, kinds, () => resolver.stat(inode));
  }
}

function isBeingWritten({ open }: Inode): boolean {
  for (const { writes } of open?.files ?? []) if (writes) return true;
  return false;
}
