import { encodeMember, type Member, padding } from '../tar/index.ts';
import { type Artifact, type ArtifactNode, childOfType } from './artifact.ts';
import type { ExportOptions } from './export.ts';
import { SET_ID } from './tree-copy.ts';
import { walk } from './walk.ts';

/** What a stream of a tree left out: what has no content, and what the format cannot hold. */
export interface LeftOut {
  readonly path: Buffer;
  readonly type: string;
}

interface TarOptions {
  /** What the top is called in the tar; else `.`. */
  readonly name?: Buffer;
}

const PIECE = 256 * 1024;
const TAR_END = Buffer.alloc(1024);

/**
 * A tree as a pax tar, piece by piece: names as bytes, times to the nanosecond, hard links, holes,
 * user attributes. Sockets, pipes, devices and mount points are left out. A file of a live task
 * that shrinks while it is read is filled up with zeros, as GNU tar does. Throws `failed`,
 * `damaged`.
 */
export function* exportTar(
  top: ArtifactNode,
  onLeftOut: (leftOut: LeftOut) => void,
  { keepSetId = false, name = Buffer.from('.') }: ExportOptions & TarOptions = {},
): Generator<Buffer, void> {
  const firstNames = new Map<string, Buffer>();
  const dropped = keepSetId ? 0 : SET_ID;
  const type = memberType(top.artifact);
  if (type !== 'Directory') {
    yield* leafMember(top, name, type, dropped, onLeftOut);
    yield TAR_END;
    return;
  }
  yield memberHeader(top, withSlash(name), 'Directory', dropped);
  for (const step of walk(top)) {
    if (step.type === 'leave') continue;
    const { artifact, parent } = step;
    const path = Buffer.concat([withSlash(name), step.path]);
    const type = memberType(artifact);
    if (type === undefined) {
      onLeftOut({ path: step.path, type: artifact.isMountPoint ? 'mount point' : artifact.type });
      continue;
    }
    const first = artifact.identity === null ? undefined : firstNames.get(artifact.identity);
    if (first) {
      yield header({
        ...factsOf(artifact, dropped),
        path,
        type: 'Link',
        size: 0,
        linkTarget: first,
      });
      continue;
    }
    using node = childOfType(parent, artifact.name, artifact.type);
    if (!node) continue;
    if (artifact.identity !== null) firstNames.set(artifact.identity, path);
    if (type === 'File') yield* fileMember(node, path, dropped);
    else yield memberHeader(node, type === 'Directory' ? withSlash(path) : path, type, dropped);
  }
  yield TAR_END;
}

/** The only member of a tar. */
function* leafMember(
  node: ArtifactNode,
  path: Buffer,
  type: Member['type'] | undefined,
  dropped: number,
  onLeftOut: (leftOut: LeftOut) => void,
): Generator<Buffer, void> {
  if (type === 'File') yield* fileMember(node, path, dropped);
  else if (type !== undefined) yield memberHeader(node, path, type, dropped);
  else onLeftOut({ path, type: node.artifact.type });
}

function memberType({ type, isMountPoint }: Artifact): Member['type'] | undefined {
  if (isMountPoint) return undefined;
  if (type === 'file') return 'File';
  if (type === 'directory') return 'Directory';
  return type === 'symlink' ? 'SymbolicLink' : undefined;
}

function factsOf({ mode, uid, gid, atimeNs, mtimeNs }: Artifact, dropped: number) {
  return { mode: mode & ~dropped, uid, gid, atimeNs, mtimeNs, ctimeNs: mtimeNs };
}

/** A copy: the encoder's buffer is good until its next call, and a stream may hold it longer. */
const header = (member: Member): Buffer => Buffer.from(encodeMember(member));

function memberHeader(
  node: ArtifactNode,
  path: Buffer,
  type: Member['type'],
  dropped: number,
): Buffer {
  const { target } = node.artifact;
  const xattrs = type === 'SymbolicLink' ? [] : node.xattrs();
  return header({
    ...factsOf(node.artifact, dropped),
    path,
    type,
    size: 0,
    ...(target && { linkTarget: target }),
    ...(xattrs.length > 0 && { xattrs }),
  });
}

function* fileMember(node: ArtifactNode, path: Buffer, dropped: number): Generator<Buffer, void> {
  const { size } = node.artifact;
  const extents = [...node.data()];
  const stored = extents.reduce((sum, { length }) => sum + length, 0);
  const xattrs = node.xattrs();
  yield header({
    ...factsOf(node.artifact, dropped),
    path,
    type: 'File',
    size,
    ...(stored < size && { extents }),
    ...(xattrs.length > 0 && { xattrs }),
  });
  for (const { start, length } of extents) yield* content(node, start, length);
  yield Buffer.alloc(padding(stored));
}

function* content(node: ArtifactNode, start: number, length: number): Generator<Buffer, void> {
  for (let done = 0; done < length; ) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE, length - done));
    const got = node.read(piece, start + done);
    if (got === 0) piece.fill(0);
    const filled = got === 0 ? piece : piece.subarray(0, got);
    yield filled;
    done += filled.length;
  }
}

const withSlash = (path: Buffer): Buffer => Buffer.concat([path, Buffer.from('/')]);
