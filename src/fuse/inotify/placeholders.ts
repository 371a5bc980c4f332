import type { Attr, Entry, HandleId, NodeId } from '../../fs/index.ts';
import { S_IFDIR } from '../../sys/index.ts';

/** Numbers that no file system gives out (see the contract): of what only the notifier looks up. */
const FIRST = Number.MAX_SAFE_INTEGER - 2 ** 20 + 2;

/** The directory of names that come from where nobody watches, or go there. */
export const ELSEWHERE_NODE: NodeId = FIRST;
/** The handle of every file that the notifier opens. */
export const REPLAY_HANDLE: HandleId = FIRST + 1;

export const isPlaceholder = (node: NodeId): boolean => node >= FIRST;

let last = 1;

/**
 * Stands for what a name meant that is gone by now, for as long as the kernel removes the name.
 * Each has a number of its own, or the kernel would take one for the other.
 */
export function placeholder(type: number): Entry {
  last = (last % (2 ** 20 - 4)) + 1;
  return entryOf(FIRST + 1 + last, type);
}

export const elsewhere = (): Entry => entryOf(ELSEWHERE_NODE, S_IFDIR);

const entryOf = (node: NodeId, type: number): Entry => ({
  node,
  attr: { ...NOBODYS, ino: BigInt(node), mode: type | 0o700, nlink: type === S_IFDIR ? 2 : 1 },
  entryTtlMs: 0,
  attrTtlMs: 0,
});

const NOBODYS: Omit<Attr, 'ino' | 'mode' | 'nlink'> = {
  uid: process.geteuid?.() ?? 0,
  gid: process.getegid?.() ?? 0,
  rdev: 0,
  size: 0n,
  blocks: 0n,
  blksize: 4096,
  atimeNs: 0n,
  mtimeNs: 0n,
  ctimeNs: 0n,
  btimeNs: 0n,
};
