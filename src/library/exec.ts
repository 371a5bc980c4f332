import { TaskfsError } from '../errors.ts';
import { reachRun } from '../runner/index.ts';
import type { TaskName } from '../store/index.ts';
import type { Store } from './store.ts';

/** Options of a task's `exec`. */
export interface ExecOptions {
  /** Variables besides those that the task has. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs; where the task's command was started, by default. */
  readonly cwd?: string;
  /** In a container, as whom; as the task, by default. */
  readonly user?: string;
  /** Reads this process's standard input; has none by default. */
  readonly interactive?: boolean;
}

/** How a further command ended: one of the two is null. */
export interface ExecEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Runs a further command where a task runs. Throws as `reachRun`, and as a start does. */
export async function execIn(
  { paths }: Store,
  task: TaskName,
  command: readonly string[],
  { env = {}, cwd, user, interactive = false }: ExecOptions,
): Promise<ExecEnd> {
  if (command.length === 0) throw new TaskfsError('usage', 'there is no command to run');
  const run = await reachRun(paths, task);
  const running = await run.exec({
    command,
    env,
    cwd: cwd ?? null,
    user: user ?? null,
    interactive,
    tty: false,
  });
  return running.ended;
}
