import type { Attr, FileSystemStat } from '../fs/index.ts';
import type { NativeStat, NativeStatfs } from './fuse-native.ts';

const MILLION = 1_000_000n;
const LIMIT_32 = 0x1_0000_0000n;

/** The package knows no times before 1970. */
const milliseconds = (ns: bigint): number => Math.max(0, Number(ns / MILLION));

/** 32 bits of an inode number; the upper half is mixed in: it distinguishes archived tasks. */
const inode = (ino: bigint): number => Number((ino ^ (ino >> 36n)) % LIMIT_32);

export function toNativeStat(attr: Attr): NativeStat {
  return {
    mode: attr.mode,
    uid: attr.uid,
    gid: attr.gid,
    size: Number(attr.size),
    nlink: attr.nlink,
    ino: inode(attr.ino),
    rdev: attr.rdev,
    blksize: attr.blksize,
    blocks: Number(attr.blocks),
    atime: milliseconds(attr.atimeNs),
    mtime: milliseconds(attr.mtimeNs),
    ctime: milliseconds(attr.ctimeNs),
  };
}

/** The package cuts counts to 32 bits: a large file system is reported in larger blocks. */
export function toNativeStatfs(stat: FileSystemStat): NativeStatfs {
  let scale = 1n;
  while (stat.blocks / scale >= LIMIT_32) scale *= 2n;
  const blocks = (count: bigint): number => Number(count / scale);
  const count = (value: bigint): number => Number(value < LIMIT_32 ? value : LIMIT_32 - 1n);
  const size = stat.bsize * Number(scale);
  return {
    bsize: size,
    frsize: size,
    blocks: blocks(stat.blocks),
    bfree: blocks(stat.bfree),
    bavail: blocks(stat.bavail),
    files: count(stat.files),
    ffree: count(stat.ffree),
    favail: count(stat.ffree),
    namemax: stat.namelen,
  };
}
