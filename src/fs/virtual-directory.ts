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

/** How many entries `.` and `..` are: the cookies of all others are larger than this. */
export const DOTS = 2;

/**
 * Lists `.` and `..`, both by this inode number, as far as they come after a cookie. False once
 * there is no room.
 */
export function addDots(
  ino: bigint,
  cookie: number,
  add: (entry: DirectoryEntry) => boolean,
): boolean {
  for (let at = cookie; at < DOTS; at++) {
    const name = Buffer.from('.'.repeat(at + 1));
    if (!add({ name, ino, type: DT.DIR, cookie: BigInt(at + 1) })) return false;
  }
  return true;
}

/**
 * Lists a directory that exists only in the mount: its entries are taken when it is read from the
 * beginning, and a cookie is a place in that list.
 */
export function listVirtual(node: NodeId, entries: () => readonly VirtualEntry[]): OpenDirectory {
  let list: readonly VirtualEntry[] = [];
  return {
    readdir(cookie, add) {
      const from = Number(cookie);
      if (from === 0) list = entries();
      if (!addDots(inoOf(node), from, add)) return;
      let next = Math.max(from, DOTS);
      for (const { name, ino, type } of list.slice(next - DOTS)) {
        if (!add({ name: Buffer.from(name), ino, type, cookie: BigInt(++next) })) return;
      }
    },
    close() {},
  };
}
