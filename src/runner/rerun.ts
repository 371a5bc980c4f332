import {
  commandOf,
  cwdOf,
  readRecord,
  type Store,
  type TaskName,
  type TaskSpec,
  taskPaths,
} from '../store/index.ts';

/** What is asked for again: all but what a terminal gave a task, which may be another now. */
const ASKED_AGAIN = [
  'engine',
  'image',
  'env',
  'timeoutMs',
  'retries',
  'maxRunning',
  'after',
  'priority',
  'group',
  'drainMs',
  'keepEditorFiles',
  'onEnd',
  'sealedPart',
  'logMaxBytes',
  'labels',
] as const satisfies readonly (keyof TaskSpec)[];

/** What a task was asked to do, for another one to do the same. Throws as `readRecord` does. */
export function specToRerun(store: Store, task: TaskName): TaskSpec {
  const record = readRecord(taskPaths(store, task).record, task);
  const { interactive: _, tty: __, consoleSize: ___, ...options } = record.options;
  const asked = ASKED_AGAIN.flatMap((name) =>
    record[name] === undefined ? [] : [[name, record[name]]],
  );
  const spec = Object.fromEntries(asked) as Pick<TaskSpec, (typeof ASKED_AGAIN)[number]>;
  return { ...spec, command: commandOf(record), cwd: cwdOf(record), options };
}
