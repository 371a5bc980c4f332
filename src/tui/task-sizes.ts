import { archiveSize } from '../archive/index.ts';
import { type ArtifactTree, openTree, walk } from '../artifacts/index.ts';
import type { Store, TaskName, TaskRecord } from '../store/index.ts';

/** How long a walk may take without a break, in milliseconds: keys must be answered meanwhile. */
const SLICE_MS = 5;
/** Before the files of a live task are measured again, in milliseconds. */
const AGAIN_MS = 10_000;

interface Measured {
  /** Undefined where its files could not be walked. */
  readonly bytes: number | undefined;
  /** Milliseconds of performance.now(); of an archive, for ever. */
  readonly until: number;
}

/** The sizes of tasks that are on the screen, measured one after the other, a little at a time. */
export class TaskSizes implements Disposable {
  private readonly store: Store;
  private readonly known = new Map<TaskName, Measured>();
  private current: { task: TaskName; tree: ArtifactTree; steps: Iterator<number> } | undefined;

  constructor(store: Store) {
    this.store = store;
  }

  /** The bytes of a task's files, as last measured; undefined where they never were. */
  of(task: TaskName): number | undefined {
    return this.known.get(task)?.bytes;
  }

  /** Takes what is known anyway. */
  learn(task: TaskName, bytes: number | undefined): void {
    this.known.set(task, { bytes, until: performance.now() + AGAIN_MS });
  }

  /** A task's size is to be measured anew: its files were moved to the archive. */
  forget(task: TaskName): void {
    this.known.delete(task);
    if (this.current?.task === task) this[Symbol.dispose]();
  }

  /** Measures on, of those tasks that are given, those whose size is not known or old. */
  async measure(tasks: Iterable<TaskRecord>): Promise<void> {
    const end = performance.now() + SLICE_MS;
    if (this.current && !this.walkOn(end)) return;
    for (const { task, artifacts } of tasks) {
      if ((this.known.get(task)?.until ?? 0) > end) continue;
      if (performance.now() > end) return;
      if (artifacts === 'sealed') this.measureArchive(task);
      else await this.begin(task);
      if (this.current && !this.walkOn(end)) return;
    }
  }

  [Symbol.dispose](): void {
    this.current?.tree[Symbol.dispose]();
    this.current = undefined;
  }

  private measureArchive(task: TaskName): void {
    const bytes = archiveSize(this.store, task);
    this.known.set(task, { bytes, until: Number.POSITIVE_INFINITY });
  }

  private async begin(task: TaskName): Promise<void> {
    try {
      // A task that was archived meanwhile is measured as one the next time.
      const tree = await openTree(this.store, task, async () => []);
      this.current = { task, tree, steps: sums(tree) };
    } catch {
      this.learn(task, undefined);
    }
  }

  /** Whether the walk came to its end. */
  private walkOn(end: number): boolean {
    const walked = this.current;
    if (!walked) return true;
    try {
      while (performance.now() < end) {
        const { done, value } = walked.steps.next();
        if (!done) continue;
        this.learn(walked.task, value);
        this[Symbol.dispose]();
        return true;
      }
      return false;
    } catch {
      this[Symbol.dispose]();
      return true;
    }
  }
}

/** Walks all files, and returns the sum of their sizes. */
function* sums(tree: ArtifactTree): Generator<number, number> {
  using top = tree.find('', 'follow');
  let bytes = 0;
  for (const step of walk(top)) {
    if (step.type === 'visit' && step.artifact.type === 'file') bytes += step.artifact.size;
    yield bytes;
  }
  return bytes;
}
