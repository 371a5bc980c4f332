import { closeSync } from 'node:fs';
import {
  isDirectory,
  isRegular,
  isSymlink,
  readlinkAt,
  type Stat,
  userXattrs,
  userXattrsAt,
} from '../../sys/index.ts';
import { withoutOwnXattrs } from '../own-xattrs.ts';
import { typeOfMode } from './artifact-type.ts';
import { extentsOf, openContent } from './content.ts';
import type { OnLend } from './lent-modes.ts';
import { hasContent, memberOf, memberPath, type PlanEntry, tarLength } from './plan-entry.ts';
import type { PlanLog } from './plan-log.ts';
import { memberLength } from './tar-header.ts';
import { BLOCK } from './ustar.ts';
import { type Visit, walk } from './walk.ts';

/** The layout of a tar, before its first byte is written. Its entries, in their order, are in a log. */
export interface Plan {
  readonly log: PlanLog;
  /** Bytes of the tar. */
  readonly bytes: number;
  /** Entries with content. */
  readonly files: number;
  /** Sockets, pipes and devices: in the index, not in the tar. */
  readonly skipped: readonly { readonly path: string; readonly type: string }[];
}

/** Two blocks of zeros. */
export const TAR_END = 2 * BLOCK;

/** Calls that follow a plan while it is made. */
export interface PlanOptions {
  readonly onLend: OnLend;
  /** How much is known to come so far. */
  readonly onGrowth: (bytes: number, entries: number) => void;
}

/**
 * Walks a tree and plans its tar: which byte goes where. What is read later has to be what is found
 * here. No tree at all is an empty one. Throws TreeChanged, Errno.
 */
export function planTree(top: string, log: PlanLog, { onLend, onGrowth }: PlanOptions): Plan {
  const linked = new Map<string, { path: Buffer; number: number }>();
  const skipped: { path: string; type: string }[] = [];
  let bytes = 0;
  let files = 0;
  let number = 0;
  const add = (entry: PlanEntry): void => {
    log.add(entry);
    bytes += tarLength(entry);
    if (hasContent(entry)) files++;
    onGrowth(bytes, ++number);
  };
  for (const visit of walk(top, onLend)) {
    const { stat, path } = visit;
    const identity = visit.kind === 'leaf' && stat.nlink > 1 && `${stat.dev}:${stat.ino}`;
    const link = identity ? linked.get(identity) : undefined;
    if (identity && !link) linked.set(identity, { path: memberPath(path), number });
    if (visit.kind === 'leaf' && !link && isSpecial(stat.mode))
      skipped.push({ path: path.toString(), type: typeOfMode(stat.mode) });
    add(planned(visit, link, onLend));
  }
  if (number === 0) for (const kind of ['enter', 'leave'] as const) add(emptyTop(kind));
  return { log, bytes: bytes + TAR_END, files, skipped };
}

const isSpecial = (mode: number): boolean =>
  !isRegular(mode) && !isSymlink(mode) && !isDirectory(mode);

function planned(visit: Visit, link: PlanEntry['link'], onLend: OnLend): PlanEntry {
  const { kind, path, name } = visit;
  const stat = { ...visit.stat, size: Number(visit.stat.size) };
  const extras = link ? { link } : extrasOf(visit, onLend);
  return withHeaderLength({ kind, name, stat, ...extras }, path);
}

function withHeaderLength(entry: Omit<PlanEntry, 'headerLength'>, path: Buffer): PlanEntry {
  const member = memberOf(entry, path);
  return { ...entry, headerLength: member ? memberLength(member) : 0 };
}

function extrasOf(visit: Visit, onLend: OnLend): Pick<PlanEntry, 'target' | 'extents' | 'xattrs'> {
  const { kind, fd, name, stat } = visit;
  if (kind === 'leave') return {};
  if (kind === 'enter') return withXattrs(userXattrs(fd));
  if (isSymlink(stat.mode)) return { target: readlinkAt(fd, name) };
  if (!isRegular(stat.mode)) return {};
  const xattrs = withXattrs(userXattrsAt(fd, name));
  const extents = mayHaveHoles(stat) ? findExtents(visit, onLend) : undefined;
  return { ...xattrs, ...(extents && { extents }) };
}

function withXattrs(found: NonNullable<PlanEntry['xattrs']>): Pick<PlanEntry, 'xattrs'> {
  const xattrs = withoutOwnXattrs(found);
  return xattrs.length > 0 ? { xattrs } : {};
}

const SECTOR = 512n;

const mayHaveHoles = ({ size, blocks }: Stat): boolean => size > 0n && blocks * SECTOR < size;

function findExtents(visit: Visit, onLend: OnLend): PlanEntry['extents'] {
  const fd = openContent(visit, onLend);
  try {
    return extentsOf(fd, visit.stat.size);
  } finally {
    closeSync(fd);
  }
}

/** Of a task that has no staging directory. */
function emptyTop(kind: 'enter' | 'leave'): PlanEntry {
  const now = BigInt(Date.now()) * 1_000_000n;
  const times = { atimeNs: now, mtimeNs: now, ctimeNs: now };
  const ids = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, ino: 0n, dev: 0n };
  const stat = { mode: 0o040700, nlink: 2, size: 0, ...ids, ...times };
  const name = Buffer.alloc(0);
  return withHeaderLength({ kind, name, stat }, name);
}
