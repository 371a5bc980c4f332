import { type Artifact, type ArtifactNode, childOfType, joinPath } from './artifact.ts';

/** A step of a walk: a name is visited, or a directory has been walked to its end. */
export type Step =
  | {
      readonly type: 'visit';
      /** From the top of the walk, raw bytes. */
      readonly path: Buffer;
      readonly artifact: Artifact;
      /** The directory that it is in; open until the next step. */
      readonly parent: ArtifactNode;
    }
  /** The directory, open until the next step; undefined where the task removed it meanwhile. */
  | { readonly type: 'leave'; readonly node: ArtifactNode | undefined };

/** A directory whose names are being visited. It is open only while the walk is in it. */
interface Level {
  readonly name: Buffer;
  readonly key: string;
  readonly pathLength: number;
  readonly names: Iterator<Artifact>;
}

/**
 * Walks what is below a directory, each directory's names in the order of their bytes, without
 * recursion and with one directory open besides the top: a tree may be thousands of directories
 * deep. Links are visited, not followed, and so are mount points. What a live task removes or
 * exchanges meanwhile is left out.
 */
export function* walk(top: ArtifactNode): Generator<Step, void> {
  using walker = new Walker(top);
  yield* walker.steps();
}

const NO_NAME = Buffer.alloc(0);

class Walker implements Disposable {
  private readonly top: ArtifactNode;
  private readonly levels: Level[];
  /** Undefined where the directory of the last level is gone. */
  private here: ArtifactNode | undefined;
  private path: Buffer = NO_NAME;

  constructor(top: ArtifactNode) {
    this.top = top;
    this.here = top;
    this.levels = [levelOf(top, NO_NAME, 0)];
  }

  *steps(): Generator<Step, void> {
    for (let level = this.levels.at(-1); level; level = this.levels.at(-1)) {
      const { done, value: artifact } = level.names.next();
      if (done || !this.here) {
        if (this.levels.length === 1) return;
        yield { type: 'leave', node: this.here };
        this.leave();
        continue;
      }
      const path = joinPath(this.path, artifact.name);
      if (artifact.type !== 'directory' || artifact.isMountPoint) {
        yield { type: 'visit', path, artifact, parent: this.here };
        continue;
      }
      const child = childOfType(this.here, artifact.name, 'directory');
      if (!child) continue;
      using opened = new DisposableStack();
      opened.use(child);
      yield { type: 'visit', path, artifact, parent: this.here };
      this.levels.push(levelOf(child, artifact.name, path.length));
      opened.move();
      this.path = path;
      this.goTo(child);
    }
  }

  [Symbol.dispose](): void {
    this.goTo(undefined);
  }

  private leave(): void {
    this.levels.pop();
    const above = this.levels.at(-1);
    this.path = this.path.subarray(0, above?.pathLength);
    this.goTo(this.levels.length === 1 ? this.top : (this.above(above) ?? this.fromTop(above)));
  }

  /** The directory above, through the one where the walk is. */
  private above(level: Level | undefined): ArtifactNode | undefined {
    return ifSame(this.here?.parent(), level);
  }

  /** The same by its names from the top: the one where the walk is was moved. */
  private fromTop(level: Level | undefined): ArtifactNode | undefined {
    let node: ArtifactNode | undefined = this.top;
    for (const { name } of this.levels.slice(1)) {
      const child: ArtifactNode | undefined = childOfType(node, name, 'directory');
      if (node !== this.top) node[Symbol.dispose]();
      if (!child) return undefined;
      node = child;
    }
    return ifSame(node, level);
  }

  private goTo(node: ArtifactNode | undefined): void {
    if (this.here !== this.top) this.here?.[Symbol.dispose]();
    this.here = node;
  }
}

/** The node, if it is the directory of that level. */
function ifSame(
  node: ArtifactNode | undefined,
  level: Level | undefined,
): ArtifactNode | undefined {
  if (node && node.key === level?.key) return node;
  node?.[Symbol.dispose]();
  return undefined;
}

function levelOf(node: ArtifactNode, name: Buffer, pathLength: number): Level {
  const sorted = [...node.list()].sort((a, b) => Buffer.compare(a.name, b.name));
  return { name, key: node.key, pathLength, names: sorted.values() };
}
