import { INIT, INIT2 } from './constants.ts';

/** The highest version of protocol 7 that is spoken here, and the lowest. */
export const MAJOR = 7;
export const MINOR = 45;
export const OLDEST_MINOR = 31;

/** One request's data at most, in and out: 256 pages, the kernel's own limit. */
export const MAX_WRITE = 1024 * 1024;
const PAGE = 4096;

/** What the kernel offers in INIT. */
export interface Offered {
  readonly major: number;
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: number;
  readonly flags2: number;
}

/** What this side requests, depending on how the mount was made. */
export interface Requested {
  /** Others than the owner may enter: the kernel checks modes and access control lists for all. */
  readonly kernelChecksAccess: boolean;
  /** As in FuseOptions. */
  readonly stateless?: boolean;
}

/** What both sides agreed on. */
export interface Connection {
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: number;
  readonly flags2: number;
  readonly maxWrite: number;
  readonly maxPages: number;
}

const WANTED =
  INIT.ASYNC_READ |
  INIT.POSIX_LOCKS |
  INIT.ATOMIC_O_TRUNC |
  INIT.BIG_WRITES |
  INIT.DONT_MASK |
  INIT.FLOCK_LOCKS |
  INIT.AUTO_INVAL_DATA |
  INIT.DO_READDIRPLUS |
  INIT.READDIRPLUS_AUTO |
  INIT.ASYNC_DIO |
  INIT.PARALLEL_DIROPS |
  INIT.ABORT_ERROR |
  INIT.MAX_PAGES |
  INIT.HANDLE_KILLPRIV_V2 |
  INIT.SETXATTR_EXT |
  INIT.INIT_EXT;

/**
 * Left out where nothing is opened: locks, which the kernel then keeps itself, and the choice
 * between listings with and without attributes, since those of what never changes stay cached.
 */
const STATEFUL = INIT.POSIX_LOCKS | INIT.FLOCK_LOCKS | INIT.READDIRPLUS_AUTO;

/**
 * No file handles (name_to_handle_at(2)): a node number may be another file's once the kernel has
 * forgotten it. Kernels before 7.40 give out handles all the same, and find most of them stale.
 */
const WANTED2 = INIT2.NO_EXPORT_SUPPORT;

/**
 * Negotiates with a kernel of protocol 7.31 or later: the smaller version, and of the flags wanted
 * here those that it offers. Never the writeback cache: others write staging beneath the mount,
 * and the kernel would trust its own sizes. Targets of symlinks are cached only where nothing
 * changes: elsewhere a removed one's inode number may be another's by now. DIRECT_IO files are not
 * mapped shared: the mount and the file beneath have different pages, and neither would see what
 * is written to the other.
 */
export function negotiate(offer: Offered, requested: Requested): Connection {
  const base = requested.stateless ? (WANTED & ~STATEFUL) | INIT.CACHE_SYMLINKS : WANTED;
  // What is sealed has no access control lists: the kernel need not ask for any.
  const hasLists = requested.kernelChecksAccess && !requested.stateless;
  const wanted = base | (hasLists ? INIT.POSIX_ACL : 0);
  const flags = (offer.flags & wanted) >>> 0;
  const maxWrite = flags & INIT.MAX_PAGES ? MAX_WRITE : 32 * PAGE;
  return {
    minor: Math.min(offer.minor, MINOR),
    maxReadahead: Math.min(offer.maxReadahead, MAX_WRITE),
    flags,
    flags2: flags & INIT.INIT_EXT ? (offer.flags2 & WANTED2) >>> 0 : 0,
    maxWrite,
    maxPages: maxWrite / PAGE,
  };
}
