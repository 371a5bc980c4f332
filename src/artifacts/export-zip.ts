import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { Readable } from 'node:stream';
import { unlessNotFound } from '../errors.ts';
import { type Artifact, type ArtifactTree, joinPath } from './artifact.ts';
import type { ExportOptions } from './export.ts';
import type { LeftOut } from './export-tar.ts';
import { SET_ID } from './tree-copy.ts';
import { walk } from './walk.ts';

const PIECE = 256 * 1024;

/**
 * What is below a path of a tree as a zip (with ZIP64 where it is needed), for programs that know
 * no tar: modes and times stay, in many readers to two seconds; a file of several names is there
 * several times. Left out are sockets, pipes, devices, mount points, and names that are not UTF-8
 * or have a backslash, which no zip can hold. The tree must stay open until the stream has ended.
 * Throws as
 * `ArtifactTree.find`; the stream fails with `failed`, `damaged`.
 */
export async function exportZip(
  tree: ArtifactTree,
  path: Uint8Array | string,
  onLeftOut: (leftOut: LeftOut) => void,
  { keepSetId = false }: ExportOptions = {},
): Promise<Readable> {
  const { ZipFile } = await import('yazl');
  const zip = new ZipFile();
  const dropped = keepSetId ? 0 : SET_ID;
  using top = tree.find(path, 'follow');
  const base = Buffer.from(path);
  for (const step of walk(top)) {
    if (step.type === 'leave') continue;
    const { artifact } = step;
    const reason = whyLeftOut(artifact, step.path);
    if (reason !== undefined) {
      onLeftOut({ path: step.path, type: reason });
      continue;
    }
    const name = step.path.toString();
    const options = { mtime: zipTime(artifact.mtimeNs) };
    if (artifact.type === 'directory') {
      zip.addEmptyDirectory(name, {
        ...options,
        mode: constants.S_IFDIR | (artifact.mode & ~dropped),
      });
    } else if (artifact.type === 'symlink') {
      const target = artifact.target ?? Buffer.alloc(0);
      zip.addBuffer(target, name, { ...options, mode: constants.S_IFLNK | 0o777 });
    } else {
      const full = joinPath(base, step.path);
      const mode = constants.S_IFREG | (artifact.mode & ~dropped);
      // Opened when its turn comes: there may be more files than descriptors.
      zip.addReadStreamLazy(name, { ...options, mode }, (done) => {
        done(null, Readable.from(contentOf(tree, full)));
      });
    }
  }
  zip.end();
  return Readable.from(zip.outputStream);
}

/** A zip's times are seconds since 1970, in 32 bits. */
function zipTime(ns: bigint): Date {
  const seconds = Number(ns / 1_000_000_000n);
  return new Date(Math.min(Math.max(seconds, 0), 0xffffffff) * 1000);
}

function whyLeftOut({ type, isMountPoint }: Artifact, path: Buffer): string | undefined {
  if (isMountPoint) return 'mount point';
  if (!['file', 'directory', 'symlink'].includes(type)) return type;
  if (!isUtf8(path) || path.includes('\\')) return 'name that no zip can hold';
  return undefined;
}

/** Nothing where the task removed it meanwhile. */
async function* contentOf(tree: ArtifactTree, path: Buffer): AsyncGenerator<Buffer> {
  using node = unlessNotFound(() => tree.find(path, 'keep'));
  if (node?.artifact.type !== 'file') return;
  for (let at = 0; ; ) {
    const piece = Buffer.allocUnsafe(PIECE);
    const got = node.read(piece, at);
    if (got === 0) return;
    yield piece.subarray(0, got);
    at += got;
  }
}
