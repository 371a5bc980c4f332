import {
  type ArtifactTree,
  type FindIdentities,
  openTree,
  placeOf,
} from '../../artifacts/index.ts';
import type { Store, TaskName } from '../../store/index.ts';

/** So many archives stay open: a gallery asks one for hundreds of files in a row. */
const MOST_OPEN = 4;

interface Kept {
  readonly tree: Promise<ArtifactTree>;
  users: number;
}

/**
 * The trees of tasks, live or sealed. Unlocking an archive takes longer than reading a small file
 * of it, so the last few stay unlocked.
 */
export class OpenTrees implements Disposable {
  private readonly store: Store;
  private readonly findIdentities: FindIdentities;
  private readonly archives = new Map<TaskName, Kept>();

  constructor(store: Store, findIdentities: FindIdentities) {
    this.store = store;
    this.findIdentities = findIdentities;
  }

  /** The caller disposes it. Throws as `openTree` does. */
  async open(task: TaskName): Promise<ArtifactTree> {
    if (placeOf(this.store, task) === 'staging') {
      return openTree(this.store, task, this.findIdentities);
    }
    const kept = this.keep(task);
    kept.users += 1;
    try {
      const { source, find } = await kept.tree;
      return { source, find, [Symbol.dispose]: once(() => this.release(kept)) };
    } catch (error) {
      this.archives.delete(task);
      throw error;
    }
  }

  /** Closes the archive of a task that was removed. */
  forget(task: TaskName): void {
    const kept = this.archives.get(task);
    this.archives.delete(task);
    if (kept) this.closeIfUnused(kept);
  }

  [Symbol.dispose](): void {
    for (const task of [...this.archives.keys()]) this.forget(task);
  }

  private keep(task: TaskName): Kept {
    const kept = this.archives.get(task) ?? {
      tree: openTree(this.store, task, this.findIdentities),
      users: 0,
    };
    // The last used is the last to go.
    this.archives.delete(task);
    this.archives.set(task, kept);
    const [oldest] = this.archives.keys();
    if (this.archives.size > MOST_OPEN && oldest !== undefined) this.forget(oldest);
    return kept;
  }

  private release(kept: Kept): void {
    kept.users -= 1;
    if (![...this.archives.values()].includes(kept)) this.closeIfUnused(kept);
  }

  private closeIfUnused({ tree, users }: Kept): void {
    if (users > 0) return;
    tree.then(
      (opened) => opened[Symbol.dispose](),
      () => {},
    );
  }
}

function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) action();
    isDone = true;
  };
}
