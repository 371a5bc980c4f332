import { DT, S_IFDIR } from '../sys/index.ts';
import type { Attr, DirectoryEntry, NodeId } from './file-system.ts';
import { inoOf } from './node-ids.ts';
import type { OpenDirectory } from './subtree.ts';

/** Asked for once: a listing of all archives needs it for each. */
const uid = process.geteuid?.() ?? 0;
const gid = process.getegid?.() ?? 0;

/** Attributes of a directory that exists only in the mount. `timeNs` is all of its times. */
export function directoryAttr(node: NodeId, mode: number, timeNs: bigint): Attr {
  return {
    ino: inoOf(node),
    mode: S_IFDIR | mode,
    nlink: 2,
    uid,
    gid,
    rdev: 0,
    size: 0n,
    blocks: 0n,
    blksize: 4096,
    atimeNs: timeNs,
    mtimeNs: timeNs,
    ctimeNs: timeNs,
    btimeNs: timeNs,
  };
}

/** A name in a directory that exists only in the mount. */
export interface VirtualEntry {
  readonly name: string;
  readonly ino: bigint;
  readonly type: number;
}

/**
 * Lists a directory that exists only in the mount: its entries are taken when it is read from the
 * beginning, and a cookie is a place in that list.
 */
export function listVirtual(node: NodeId, entries: () => readonly VirtualEntry[]): OpenDirectory {
  const dots: VirtualEntry[] = ['.', '..'].map((name) => ({
    name,
    ino: inoOf(node),
    type: DT.DIR,
  }));
  let list: readonly VirtualEntry[] = [];
  return {
    readdir(cookie, add) {
      if (cookie === 0n) list = [...dots, ...entries()];
      for (let at = Number(cookie); at < list.length; at++) {
        const entry = list[at];
        if (!entry || !add(toEntry(entry, at))) return;
      }
    },
    close() {},
  };
}

const toEntry = ({ name, ino, type }: VirtualEntry, at: number): DirectoryEntry => ({
  name: Buffer.from(name),
  ino,
  type,
  cookie: BigInt(at + 1),
});
