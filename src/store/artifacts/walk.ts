import { TaskfsError } from '../errors.ts';
import type { Artifact, ArtifactNode } from './artifact.ts';

/** A step of a walk: something is met, or a directory that was met has been walked to its end. */
export type Step =
  | {
      readonly type: 'meet';
      /** From the top of the walk, raw bytes. */
      readonly path: Buffer;
      readonly artifact: Artifact;
      /** The directory in which it was met; open until that is left. */
      readonly parent: ArtifactNode;
    }
  /** The directory is open until the walk goes on. */
  | { readonly type: 'leave'; readonly node: ArtifactNode };

/** A directory whose names are being met. */
interface Level {
  readonly node: ArtifactNode;
  readonly path: Buffer;
  readonly names: Iterator<Artifact>;
}

/**
 * Walks what is below a directory, each directory's names in the order of their bytes, without
 * recursion: a tree may be thousands of directories deep. Links are met, not followed, and so is
 * what is mounted there. What a live
 * task removes meanwhile is left out.
 */
export function* walk(top: ArtifactNode): Generator<Step, void> {
  const levels: Level[] = [enter(top, Buffer.alloc(0))];
  try {
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const { node, names } = level;
      const { done, value: artifact } = names.next();
      if (done) {
        levels.pop();
        if (levels.length === 0) return;
        try {
          yield { type: 'leave', node };
        } finally {
          node[Symbol.dispose]();
        }
        continue;
      }
      const path = join(level.path, artifact.name);
      const mayEnter = artifact.type === 'directory' && !artifact.isMountPoint;
      const child = mayEnter ? childIfThere(node, artifact.name) : undefined;
      if (mayEnter && !child) continue;
      if (child) levels.push(enter(child, path));
      yield { type: 'meet', path, artifact, parent: node };
    }
  } finally {
    for (const { node } of levels.slice(1)) node[Symbol.dispose]();
  }
}

function enter(node: ArtifactNode, path: Buffer): Level {
  const sorted = [...node.list()].sort((a, b) => Buffer.compare(a.name, b.name));
  return { node, path, names: sorted.values() };
}

function join(path: Buffer, name: Buffer): Buffer {
  return path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]);
}

function childIfThere(node: ArtifactNode, name: Buffer): ArtifactNode | undefined {
  try {
    return node.child(name);
  } catch (error) {
    if (error instanceof TaskfsError && error.kind === 'not-found') return undefined;
    throw error;
  }
}
