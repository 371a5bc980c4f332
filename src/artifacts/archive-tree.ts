import type { ArchiveReader, IndexEntry } from '../archive/index.ts';
import { TaskfsError } from '../errors.ts';
import type { TaskName } from '../store/index.ts';
import { leadsOut, noSuchArtifact, parseArtifactPath, withoutOwnXattrs } from '../store/index.ts';
import type { Artifact, ArtifactNode, ArtifactTree } from './artifact.ts';

/** The files of a sealed task, decrypted as they are read. Closes the reader in the end. */
export function openArchiveTree(task: TaskName, reader: ArchiveReader): ArtifactTree {
  return {
    source: 'archive',
    find: (path, lastLink) => {
      const parts = partsOf(parseArtifactPath(task, path));
      const entry = resolve({ task, reader, path: Buffer.from(path), lastLink }, parts);
      return nodeOf(task, reader, entry, parts.at(-1) ?? Buffer.alloc(0));
    },
    [Symbol.dispose]: () => reader.close(),
  };
}

/**
 * The entry at a path, links followed as the kernel follows them in staging. Throws `usage`,
 * `not-found`.
 */
export function findEntry(task: TaskName, reader: ArchiveReader, path: Buffer): IndexEntry {
  const parts = partsOf(parseArtifactPath(task, path));
  return resolve({ task, reader, path, lastLink: 'follow' }, parts);
}

function nodeOf(
  task: TaskName,
  reader: ArchiveReader,
  entry: IndexEntry,
  name: Buffer,
  parent?: ArtifactNode,
): ArtifactNode {
  const node: ArtifactNode = {
    artifact: describe(entry, name),
    key: String(entry.position),
    parent: () => parent,
    *list() {
      if (entry.type !== 'directory') throw noSuchArtifact(task, name);
      for (const { entry: child } of reader.list(entry, 0)) yield describe(child, child.name);
    },
    child: (childName) => {
      const child = reader.lookup(entry, childName);
      if (!child) throw noSuchArtifact(task, childName);
      return nodeOf(task, reader, child, childName, node);
    },
    read: (into, offset) => reader.read(entry, into, offset),
    data: () => entry.extents ?? [{ start: 0, length: entry.size }],
    // An access list was taken into account when it was sealed.
    plainMode: () => entry.mode,
    xattrs: () => withoutOwnXattrs(entry.xattrs ?? []),
    [Symbol.dispose]: () => {},
  };
  return node;
}

function describe(entry: IndexEntry, name: Buffer): Artifact {
  const { type, uid, gid, atimeNs, mtimeNs } = entry;
  return {
    name,
    type,
    mode: entry.mode & 0o7777,
    uid,
    gid,
    size: Number(entry.size),
    atimeNs,
    mtimeNs,
    target: entry.target ?? null,
    // Hard links share the position of their first name.
    identity: type !== 'directory' && entry.nlink > 1 ? String(entry.position) : null,
  };
}

interface Search {
  readonly task: TaskName;
  readonly reader: ArchiveReader;
  /** As it was asked for, for messages. */
  readonly path: Buffer;
  readonly lastLink: 'follow' | 'keep';
}

/** As many links as Linux follows in one path. */
const MAX_LINKS = 40;

/** Follows a path and the links in it, as the kernel does in staging: never above the top. */
function resolve(search: Search, parts: readonly Buffer[]): IndexEntry {
  const { task, reader, path } = search;
  const above: IndexEntry[] = [];
  let here = reader.root();
  let links = 0;
  let todo = [...parts];
  for (let part = todo.shift(); part; part = todo.shift()) {
    if (here.type !== 'directory') throw noSuchArtifact(task, path);
    if (part.equals(DOT)) continue;
    if (part.equals(DOTS)) {
      const parent = above.pop();
      if (!parent) throw leadsOut(task, path);
      here = parent;
      continue;
    }
    const found = reader.lookup(here, part);
    if (!found) throw noSuchArtifact(task, path);
    if (found.type === 'symlink' && (todo.length > 0 || search.lastLink === 'follow')) {
      links += 1;
      if (links > MAX_LINKS) throw tooManyLinks(search);
      todo = [...linkParts(search, found.target ?? Buffer.alloc(0)), ...todo];
      continue;
    }
    above.push(here);
    here = found;
  }
  return here;
}

const SLASH = 0x2f;
const DOT = Buffer.from('.');
const DOTS = Buffer.from('..');

function linkParts({ task, path }: Search, target: Buffer): Buffer[] {
  if (target[0] === SLASH) throw leadsOut(task, path);
  return partsOf(target);
}

function partsOf(path: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < path.length; ) {
    const slash = path.indexOf(SLASH, at);
    const end = slash === -1 ? path.length : slash;
    if (end > at) parts.push(path.subarray(at, end));
    at = end + 1;
  }
  return parts;
}

function tooManyLinks({ task, path }: Search): TaskfsError {
  const shown = JSON.stringify(path.toString());
  return new TaskfsError('failed', `${shown} of task ${task} goes through too many links`);
}
