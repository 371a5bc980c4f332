import { TaskfsError } from '../errors.ts';
import type { Store, TaskName } from '../store/index.ts';
import { isoNow, monotonicMs } from '../sys/index.ts';
import type { RunHandle, Usage } from './engines/run-handle.ts';
import { reachRun } from './run-handle.ts';

/** What a task used at an instant. */
export interface TaskUsage extends Usage {
  readonly task: TaskName;
  readonly at: string;
  /** Of one processor, since the sample before; null in the first one. */
  readonly cpuPercent: number | null;
}

interface Sampled {
  readonly run: RunHandle;
  readonly cpuNs: number;
  /** Milliseconds of monotonicMs(). */
  readonly at: number;
}

/** Samples what tasks use, over and over. */
export class UsageSampler {
  private readonly store: Store;
  private readonly last = new Map<TaskName, Sampled>();

  constructor(store: Store) {
    this.store = store;
  }

  /** Of those of the tasks that run, and whose engine answers. */
  async sample(tasks: readonly TaskName[]): Promise<TaskUsage[]> {
    const all = await Promise.all(tasks.map((task) => this.sampleOne(task)));
    return all.filter((each) => each !== undefined);
  }

  private async sampleOne(task: TaskName): Promise<TaskUsage | undefined> {
    const before = this.last.get(task);
    const run = before?.run ?? (await this.reach(task));
    const usage = await run?.usage();
    if (!run || !usage) {
      // A further attempt is another run.
      this.last.delete(task);
      return undefined;
    }
    const at = monotonicMs();
    this.last.set(task, { run, cpuNs: usage.cpuNs, at });
    const cpuPercent = before ? percentBetween(before, { cpuNs: usage.cpuNs, at }) : null;
    return { task, at: isoNow(), cpuPercent, ...usage };
  }

  /** Undefined where nothing of it runs, be it that it ended meanwhile, or no engine answers. */
  private async reach(task: TaskName): Promise<RunHandle | undefined> {
    try {
      return await reachRun(this.store, task, { patienceMs: 0 });
    } catch (error) {
      if (error instanceof TaskfsError) return undefined;
      throw error;
    }
  }
}

/** A process that ended takes the time that it used along: never less than nothing. */
function percentBetween(before: Pick<Sampled, 'cpuNs' | 'at'>, now: typeof before): number {
  const used = Math.max(0, now.cpuNs - before.cpuNs) / 1e6;
  return now.at > before.at ? (100 * used) / (now.at - before.at) : 0;
}
