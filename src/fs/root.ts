import { Errno, errno } from '../errno.ts';
import { latin1Of } from '../latin1.ts';
import type { Store } from '../store/index.ts';
import { DT } from '../sys/index.ts';
import type { FileSystemOptions } from './driver.ts';
import type { Attributes, Entry, NodeId } from './file-system.ts';
import { inoOf, TOP } from './node-ids.ts';
import { statfsOf } from './statfs.ts';
import type { OpenDirectory, OpenedFile, Subtree } from './subtree.ts';
import { directoryAttr, listVirtual } from './virtual-directory.ts';

const DAY_MS = 86_400_000;
/**
 * For how long (milliseconds) the kernel may cache what never changes: who goes to live/ to watch
 * it may ask for nothing else, and is noticed by this alone.
 */
const CHILDREN_MS = 1000;
/** For how long (milliseconds) the kernel may cache that no other name is there. */
const MISSING_MS = 60_000;
const CHILDREN = ['archive', 'live', 'logs'] as const;

type Child = (typeof CHILDREN)[number];

/** The mount's root: live, archive and logs, for ever. */
export class RootSubtree implements Subtree {
  readonly refusal = errno.EPERM;
  private readonly store: Store;
  private readonly children: Readonly<Record<Child, Subtree>>;
  private readonly ttlMs: number;
  private readonly startNs = BigInt(Date.now()) * 1_000_000n;

  constructor(
    store: Store,
    children: Readonly<Record<Child, Subtree>>,
    { topTtlMs = CHILDREN_MS }: FileSystemOptions,
  ) {
    this.store = store;
    this.ttlMs = Math.min(topTtlMs, CHILDREN_MS);
    this.children = children;
  }

  lookup(_parent: NodeId, name: Uint8Array): Entry | undefined {
    const text = latin1Of(name);
    const child = CHILDREN.find((each) => each === text);
    if (child === undefined) return undefined;
    const node = TOP[child];
    return { node, ...this.children[child].getattr(node, undefined), entryTtlMs: this.ttlMs };
  }

  missingTtlMs(): number {
    return MISSING_MS;
  }

  getattr(node: NodeId): Attributes {
    const attr = directoryAttr(node, 0o555, this.startNs);
    return { attr: { ...attr, nlink: 2 + CHILDREN.length }, attrTtlMs: DAY_MS };
  }

  opendir(node: NodeId): OpenDirectory {
    const entries = CHILDREN.map((name) => ({ name, ino: inoOf(TOP[name]), type: DT.DIR }));
    return listVirtual(node, () => entries);
  }

  open(): OpenedFile {
    throw Errno.of(errno.EISDIR);
  }

  statfs() {
    return statfsOf(this.store.path);
  }

  getxattr(): Uint8Array {
    throw Errno.of(errno.ENODATA);
  }

  listxattr(): readonly Uint8Array[] {
    return [];
  }

  close(): void {}
}
