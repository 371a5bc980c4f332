import type { ArtifactNode, ArtifactTree } from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { detectContentType, HEAD_BYTES } from '../../preview/index.ts';
import { showPath, type TaskName } from '../../store/index.ts';
import { printableName } from '../../watch/index.ts';
import { decodeRef, encodeRef } from '../file-ref.ts';
import type { OpenTrees } from '../live/open-trees.ts';
import type { FileFacts } from '../protocol.ts';
import type { ByteSource } from './byte-range.ts';

/** A file that was found, with the tree that it is in: one to dispose. */
export interface OpenFile extends ByteSource {
  readonly path: Buffer;
  readonly node: ArtifactNode;
  readonly tree: ArtifactTree;
}

/** Finds what a reference names. Throws `usage`, `not-found`, `wrong-key`, `damaged`, `failed`. */
export async function openNode(trees: OpenTrees, task: TaskName, ref: string): Promise<OpenFile> {
  const path = decodeRef(ref);
  using opened = new DisposableStack();
  const tree = opened.use(await trees.open(task));
  const node = opened.use(findNode(tree, path));
  const held = opened.move();
  return {
    path,
    tree,
    node,
    size: node.artifact.size,
    read: (into, offset) => node.read(into, offset),
    [Symbol.dispose]: () => held.dispose(),
  };
}

/** The same of a regular file. */
export async function openFile(trees: OpenTrees, task: TaskName, ref: string): Promise<OpenFile> {
  const file = await openNode(trees, task, ref);
  const { type } = file.node.artifact;
  if (type === 'file') return file;
  file[Symbol.dispose]();
  const shown = showPath(file.path);
  throw new TaskfsError('usage', `'${shown}' of task ${task} is a ${type}, not a file`);
}

/** A link that leads nowhere, or out of the task's files, is shown itself. */
function findNode(tree: ArtifactTree, path: Buffer): ArtifactNode {
  try {
    return tree.find(path, 'follow');
  } catch (error) {
    const node = tree.find(path, 'keep');
    if (node.artifact.type === 'symlink') return node;
    node[Symbol.dispose]();
    throw error;
  }
}

/** The first bytes of a file. */
export function headOf(file: ByteSource): Buffer {
  const head = Buffer.alloc(Math.min(HEAD_BYTES, file.size));
  return head.subarray(0, file.read(head, 0));
}

export async function factsOf(file: OpenFile, isLive: boolean): Promise<FileFacts> {
  const { path, node } = file;
  const { type, size, mode, mtimeNs, target } = node.artifact;
  const content =
    type === 'file'
      ? await detectContentType(nameOf(path), headOf(file))
      : ({ mime: '', view: 'none', isText: false } as const);
  return {
    ...content,
    ref: encodeRef(path),
    path: printableName(path),
    type,
    size,
    mode: mode.toString(8).padStart(4, '0'),
    mtime: Number(mtimeNs / 1_000_000n),
    target: target === null ? null : printableName(target),
    isLive,
  };
}

/** The last part of a path, raw. */
export const nameOf = (path: Buffer): Buffer => path.subarray(path.lastIndexOf('/') + 1);

/**
 * The header that saves an answer under a name (RFC 6266), which may be any bytes and hold any
 * quotes: as UTF-8 with escapes (RFC 8187).
 */
export function attachmentAs(name: string): Readonly<Record<string, string>> {
  const escaped = encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, (sign) => {
    return `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
  });
  return { 'Content-Disposition': `attachment; filename*=UTF-8''${escaped}` };
}
