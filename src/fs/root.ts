import { Errno, errno } from '../errno.ts';
import type { Store } from '../store/index.ts';
import { DT } from '../sys/index.ts';
import type { Attributes, Entry, NodeId } from './file-system.ts';
import { inoOf, TOP } from './node-ids.ts';
import { spaceOf } from './statfs.ts';
import type { OpenDirectory, OpenedFile, Room } from './subtree.ts';
import { directoryAttr, listVirtual } from './virtual-directory.ts';

const DAY_MS = 86_400_000;
const CHILDREN: ReadonlyMap<string, NodeId> = new Map([
  ['archive', TOP.archive],
  ['live', TOP.live],
  ['logs', TOP.logs],
]);

/** The mount's root: live, archive and logs, for ever. */
export class RootRoom implements Room {
  readonly refusal = errno.EPERM;
  private readonly store: Store;
  private readonly getTop: (node: NodeId) => Attributes;
  private readonly startNs = BigInt(Date.now()) * 1_000_000n;

  /** `getTop` gives the attributes of the other rooms' top directories. */
  constructor(store: Store, getTop: (node: NodeId) => Attributes) {
    this.store = store;
    this.getTop = getTop;
  }

  lookup(_parent: NodeId, name: Uint8Array): Entry {
    const node = CHILDREN.get(Buffer.from(name).toString('latin1'));
    if (node === undefined) throw Errno.of(errno.ENOENT);
    return { node, ...this.getTop(node), entryTtlMs: DAY_MS };
  }

  getattr(node: NodeId): Attributes {
    const attr = directoryAttr(node, 0o555, this.startNs);
    return { attr: { ...attr, nlink: 2 + CHILDREN.size }, attrTtlMs: DAY_MS };
  }

  opendir(node: NodeId): OpenDirectory {
    const entries = [...CHILDREN].map(([name, child]) => ({
      name,
      ino: inoOf(child),
      type: DT.DIR,
    }));
    return listVirtual(node, () => entries);
  }

  open(): OpenedFile {
    throw Errno.of(errno.EISDIR);
  }

  statfs() {
    return spaceOf(this.store.path);
  }

  getxattr(): Uint8Array {
    throw Errno.of(errno.ENODATA);
  }

  listxattr(): readonly Uint8Array[] {
    return [];
  }

  close(): void {}
}
