import { closeSync } from 'node:fs';
import { typeOfMode, withoutOwnXattrs } from '../../store/index.ts';
import {
  type FileXattrs,
  fileXattrs,
  fileXattrsAt,
  isDirectory,
  isRegular,
  isSymlink,
  modeWithAcl,
  readlinkAt,
  type Stat,
} from '../../sys/index.ts';
import { BLOCK, memberLengths } from '../../tar/index.ts';
import { assertSealable, HeaderLimits } from '../limits.ts';
import { join } from './directory-cursor.ts';
import { hasContent, type LayoutEntry, memberOf, memberPath, tarLength } from './layout-entry.ts';
import type { LayoutLog } from './layout-log.ts';
import { extentsOf, openContent } from './source-file.ts';
import type { OnChmod } from './temporary-chmod.ts';
import { TreeDigest } from './tree-digest.ts';
import { type LeaveOut, type LeftOutAs, type Visit, walk } from './walk.ts';

/**
 * The layout of a tar, made before its first byte is written. Its entries are in a log, in order.
 */
export interface TarLayout {
  readonly log: LayoutLog;
  /** The digest of the tree, see TreeDigest. */
  readonly tree: string;
  /** Bytes of the tar. */
  readonly bytes: number;
  /** Names in the tree, the top's among them. */
  readonly names: number;
  /** Entries with content. */
  readonly files: number;
  /** Sockets, pipes and devices: in the index, not in the tar. The first of them, and how many. */
  readonly skipped: readonly Skipped[];
  readonly skippedCount: number;
  /** What is in neither, as `leaveOut` said. The first of it, and how many. */
  readonly leftOut: readonly LeftOut[];
  readonly leftOutCount: Readonly<Record<LeftOutAs, number>>;
}

/** Something in no part of the archive; a directory with all that is in it. */
export interface LeftOut {
  readonly path: string;
  readonly as: LeftOutAs;
}

export interface Skipped {
  readonly path: string;
  readonly type: string;
}

/** How many are named. */
const MAX_SKIPPED = 1000;

/**
 * A directory of the walk, by names: whole paths for all files with hard links would fill memory.
 */
interface Parent {
  readonly above: Parent | undefined;
  readonly name: Buffer;
}

/** The first name of a file that has more. */
interface FirstName {
  readonly parent: Parent | undefined;
  readonly name: Buffer;
  readonly number: number;
}

/** Two blocks of zeros. */
export const TAR_END = 2 * BLOCK;

/** Called while a tree is laid out. */
export interface LayoutOptions {
  readonly onChmod: OnChmod;
  readonly leaveOut: LeaveOut;
  /** The size of the tar so far. */
  readonly onGrowth: (bytes: number, entries: number) => void;
}

/**
 * Walks a tree and lays out its tar: which byte goes where. What is read later must be what is
 * found here. A missing tree counts as an empty one. Throws TreeChanged, Unsealable, Errno.
 */
export function layOutTree(
  top: string,
  log: LayoutLog,
  { onChmod, leaveOut, onGrowth }: LayoutOptions,
): TarLayout {
  const linked = new Map<string, FirstName>();
  const skipped: Skipped[] = [];
  let skippedCount = 0;
  const leftOut: LeftOut[] = [];
  const leftOutCount: Record<LeftOutAs, number> = { editor: 0, unselected: 0 };
  const noteLeftOut: LeaveOut = (visit) => {
    const as = leaveOut(visit);
    if (as === undefined) return undefined;
    if (leftOut.length < MAX_SKIPPED) leftOut.push({ path: visit.path.toString(), as });
    leftOutCount[as]++;
    return as;
  };
  let parent: Parent | undefined;
  const limits = new HeaderLimits();
  const digest = new TreeDigest();
  let bytes = 0;
  let files = 0;
  let number = 0;
  let names = 0;
  const add = (entry: LayoutEntry): void => {
    log.add(entry);
    bytes += tarLength(entry);
    if (hasContent(entry)) files++;
    if (entry.kind !== 'leave') names++;
    onGrowth(bytes, ++number);
  };
  for (const visit of walk(top, onChmod, noteLeftOut)) {
    const { stat, path, name } = visit;
    digest.add(visit);
    assertSealable(path, name, stat);
    const identity = visit.kind === 'leaf' && stat.nlink > 1 && `${stat.dev}:${stat.ino}`;
    const first = identity ? linked.get(identity) : undefined;
    if (identity && !first) linked.set(identity, { parent, name, number });
    if (visit.kind === 'leaf' && !first && isSpecial(stat.mode)) {
      if (skippedCount < MAX_SKIPPED)
        skipped.push({ path: path.toString(), type: typeOfMode(stat.mode) });
      skippedCount++;
    }
    const link = first && { path: memberPath(pathOf(first)), number: first.number };
    add(entryOf(visit, link, onChmod, limits));
    if (visit.kind === 'enter') parent = { above: parent, name };
    if (visit.kind === 'leave') parent = parent?.above;
  }
  if (number === 0) for (const kind of ['enter', 'leave'] as const) add(emptyTop(kind, limits));
  const counts = { bytes: bytes + TAR_END, names, files };
  return { log, tree: digest.finish(), ...counts, skipped, skippedCount, leftOut, leftOutCount };
}

function pathOf({ parent, name }: FirstName): Buffer {
  const names = [name];
  // The top has no name.
  for (let here = parent; here?.above; here = here.above) names.push(SLASH, here.name);
  return Buffer.concat(names.reverse());
}

const SLASH = Buffer.from('/');

const isSpecial = (mode: number): boolean =>
  !isRegular(mode) && !isSymlink(mode) && !isDirectory(mode);

function entryOf(
  visit: Visit,
  link: LayoutEntry['link'],
  onChmod: OnChmod,
  limits: HeaderLimits,
): LayoutEntry {
  const { kind, path, name } = visit;
  const { acl, user } = xattrsOf(visit);
  // An access list is not sealed: without it, the mode must not grant the group what the list
  // withheld.
  const mode = modeWithAcl(visit.stat.mode, acl);
  const stat = { ...visit.stat, mode, size: Number(visit.stat.size) };
  const extras = link ? { link } : { ...withXattrs(user), ...extrasOf(visit, onChmod) };
  return withHeaderLength({ kind, name, stat, ...extras }, path, limits);
}

function withHeaderLength(
  entry: Omit<LayoutEntry, 'headerLength'>,
  path: Buffer,
  limits: HeaderLimits,
): LayoutEntry {
  const member = memberOf(entry, path);
  if (!member) return { ...entry, headerLength: 0 };
  const { all, extension } = memberLengths(member);
  limits.count(path, member, extension);
  return { ...entry, headerLength: all };
}

const NO_XATTRS: FileXattrs = { user: [], acl: undefined };

function xattrsOf({ kind, fd, name, stat }: Visit): FileXattrs {
  if (kind === 'enter') return fileXattrs(fd);
  return kind === 'leaf' && isRegular(stat.mode) ? fileXattrsAt(fd, name) : NO_XATTRS;
}

function extrasOf(visit: Visit, onChmod: OnChmod): Pick<LayoutEntry, 'target' | 'extents'> {
  const { kind, fd, name, stat } = visit;
  if (kind !== 'leaf') return {};
  if (isSymlink(stat.mode)) return { target: readlinkAt(fd, name) };
  const extents =
    isRegular(stat.mode) && mayHaveHoles(stat) ? findExtents(visit, onChmod) : undefined;
  return extents ? { extents } : {};
}

function withXattrs(found: NonNullable<LayoutEntry['xattrs']>): Pick<LayoutEntry, 'xattrs'> {
  const xattrs = withoutOwnXattrs(found);
  return xattrs.length > 0 ? { xattrs } : {};
}

const SECTOR = 512n;

const mayHaveHoles = ({ size, blocks }: Stat): boolean => size > 0n && blocks * SECTOR < size;

function findExtents(visit: Visit, onChmod: OnChmod): LayoutEntry['extents'] {
  const fd = openContent(visit, onChmod);
  try {
    return extentsOf(fd, visit.stat.size, visit.path);
  } finally {
    closeSync(fd);
  }
}

/** Of a task that has no staging directory. */
function emptyTop(kind: 'enter' | 'leave', limits: HeaderLimits): LayoutEntry {
  const now = BigInt(Date.now()) * 1_000_000n;
  const times = { atimeNs: now, mtimeNs: now, ctimeNs: now };
  const ids = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, ino: 0n, dev: 0n };
  const stat = { mode: 0o040700, nlink: 2, size: 0, ...ids, ...times };
  const name = Buffer.alloc(0);
  return withHeaderLength({ kind, name, stat }, name, limits);
}

/**
 * A symlink with an absolute path to the task's own files, which are gone once they are sealed.
 */
export interface OwnLink {
  /** From the top, as text. */
  readonly path: string;
  readonly target: string;
}

/** How many are named. */
const MAX_OWN_LINKS = 20;

/**
 * Finds the first links of a tree that lead to one of `tops`: the absolute paths by which the task
 * knew the top of its files.
 */
export function findOwnLinks(log: LayoutLog, tops: readonly string[]): OwnLink[] {
  const found: OwnLink[] = [];
  const directories: Buffer[] = [];
  for (const { entry } of log.read()) {
    const above = directories.at(-1) ?? Buffer.alloc(0);
    if (entry.kind === 'enter') directories.push(Buffer.from(join(above, entry.name)));
    else if (entry.kind === 'leave') directories.pop();
    else if (entry.target && isIn(entry.target.toString(), tops)) {
      found.push({ path: join(above, entry.name).toString(), target: entry.target.toString() });
      if (found.length === MAX_OWN_LINKS) break;
    }
  }
  return found;
}

const isIn = (target: string, tops: readonly string[]): boolean =>
  tops.some((top) => target === top || target.startsWith(`${top}/`));
