import { TaskfsError } from '../errors.ts';
import { cwdOf, readRecord, type Store, type TaskName, taskPaths } from '../store/index.ts';
import type { ReachedRun } from './engines/reached-run.ts';
import { loadEngine } from './engines/registry.ts';

/**
 * The run of a task that runs, wherever its supervisor is: for a further command, a signal, its
 * input, or what it uses. Throws `usage` where nothing of it runs, or its engine cannot reach it.
 */
export async function reachRun(store: Store, task: TaskName): Promise<ReachedRun> {
  const paths = taskPaths(store, task);
  const record = readRecord(paths.record, task);
  const { status, artifacts, engineState, engine: name } = record;
  if (status !== 'running' || !engineState) {
    const how = artifacts === 'sealed' ? 'is sealed' : `is ${status}`;
    throw new TaskfsError('usage', `task ${task} ${how}: nothing of it runs`, {
      hint:
        status === 'queued'
          ? "It waits for its turn: 'taskfs ps' shows what runs."
          : `'taskfs rerun ${task}' runs it again, as a new task.`,
    });
  }
  const engine = await loadEngine(name);
  if (!engine.reach) {
    throw new TaskfsError('usage', `task ${task} runs by ${name}, which reaches no runs`, {
      hint: 'Only the tasks of docker and local processes can be reached.',
    });
  }
  const { options, paused } = record;
  const facts = { task, cwd: cwdOf(record), staging: paths.staging, options, paused };
  const run = await engine.reach(engineState, facts);
  if (run) return run;
  throw new TaskfsError('usage', `task ${task} is ending: nothing of it runs`, {
    hint: `'taskfs wait ${task}' waits for its end.`,
  });
}
