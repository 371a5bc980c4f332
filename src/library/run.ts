import { parseSelection } from '../archive/selection/index.ts';
import { assertBackground } from '../background-process.ts';
import { TaskfsError } from '../errors.ts';
import { readContainerOptions } from '../runner/engines/container/index.ts';
import {
  assertPossible,
  recover,
  type Submission,
  specToRerun,
  startDetached,
  submit,
} from '../runner/index.ts';
import {
  absolutePath,
  absoluteTextPath,
  parseTaskName,
  type TaskSpec,
  taskSpec,
} from '../store/index.ts';
import type { Store } from './store.ts';
import { openTask, type Task } from './task.ts';

/** What `taskfs run` has options for. */
export interface RunOptions {
  /** The task's name; made where there is none. */
  readonly name?: string;
  /** To find it by. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Where it runs: this process's directory by default; in a container, the image's. */
  readonly cwd?: string;
  /** Variables besides those of this process, or, in a container, of the image. Never recorded. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs it in a container of this image. */
  readonly image?: string;
  /** `docker` where there is an image, else `process`. */
  readonly engine?: 'process' | 'docker' | 'swarm';
  /** How the container is made, and a local task limited: docs/library.md lists the members. */
  readonly container?: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number;
  /** Further attempts where it fails. */
  readonly retries?: number;
  /** Waits in the queue until fewer tasks than this run. */
  readonly maxRunning?: number;
  /** Names of tasks that have to complete before it starts; where one does not, it is cancelled. */
  readonly after?: readonly string[];
  /** Its place among those that wait, higher first; 0 by default. */
  readonly priority?: number;
  /** A group, which `setGroup` makes: as many of it run at once as its limit says. */
  readonly group?: string;
  /** How long writers of its files get to close them at its end; 10,000 by default. */
  readonly drainMs?: number;
  /** Seals what editors on a mount left beside its files as well; by default it is left out. */
  readonly keepEditorFiles?: boolean;
  /** Seals only what is as one of these patterns says, as in .gitignore; the rest is removed. */
  readonly artifacts?: readonly string[];
  /** Does not seal what is as one of these patterns says: it is removed. */
  readonly exclude?: readonly string[];
  /**
   * A shell command to run, in this process's directory, once it has ended and its files are
   * sealed; docs/lifecycle.md says what is in its environment.
   */
  readonly onEnd?: string;
  /** The largest size of its log; unlimited by default. */
  readonly logMaxBytes?: number;
}

/**
 * Starts a task in the background, where it outlives this process, and resolves once its
 * supervisor has it. Throws TaskfsError `usage` for what cannot be, `failed`.
 */
export async function run(
  store: Store,
  command: readonly string[],
  options: RunOptions = {},
): Promise<Task> {
  return start(store, { name: options.name, spec: specOf(command, options) }, options.env ?? {});
}

/**
 * Runs the command of a task again, with all that it was asked for, as a new task. Values of
 * variables were not recorded: `env` has those of this time. Throws as `run`, and `not-found`.
 */
export async function rerun(
  store: Store,
  task: string,
  { name, env = {} }: Pick<RunOptions, 'name' | 'env'> = {},
): Promise<Task> {
  const spec = { ...specToRerun(store.paths, parseTaskName(task)), env: Object.keys(env) };
  return start(store, { name, spec }, env);
}

/** Starts what was asked for in the background. Throws as `run`. */
export async function start(
  store: Store,
  submission: Submission,
  env: Readonly<Record<string, string>>,
): Promise<Task> {
  assertBackground();
  await assertPossible(submission.spec.engine, submission.spec.options);
  await recover(store.paths, { scope: 'unfinished' });
  const claim = submit(store.paths, submission);
  await startDetached(claim, env);
  return openTask(store, claim.task);
}

function specOf(command: readonly string[], options: RunOptions): TaskSpec {
  const { image = null, cwd, labels, container = {}, drainMs, logMaxBytes } = options;
  // An image may have a command of its own.
  if (command.length === 0 && image === null) {
    throw new TaskfsError('usage', 'there is no command to run');
  }
  readContainerOptions(container);
  return taskSpec(command, {
    cwd: image === null ? absolutePath(cwd ?? '.') : (cwd ?? null),
    engine: options.engine ?? (image === null ? 'process' : 'docker'),
    image,
    env: Object.keys(options.env ?? {}),
    timeoutMs: options.timeoutMs ?? null,
    retries: options.retries ?? 0,
    maxRunning: options.maxRunning ?? null,
    ...(options.after && { after: options.after.map(parseTaskName) }),
    ...(options.priority !== undefined && { priority: options.priority }),
    ...(options.group !== undefined && { group: options.group }),
    ...sealedPartOf(options),
    ...(options.onEnd && {
      onEnd: { command: options.onEnd, cwd: absoluteTextPath('.', 'the directory for onEnd') },
    }),
    ...(options.keepEditorFiles && { keepEditorFiles: true }),
    ...(labels && { labels }),
    ...(drainMs !== undefined && { drainMs }),
    ...(logMaxBytes !== undefined && { logMaxBytes }),
    options: container,
  });
}

function sealedPartOf({ artifacts, exclude }: RunOptions): Pick<TaskSpec, 'sealedPart'> {
  if (!artifacts && !exclude) return {};
  const sealedPart = { ...(artifacts && { artifact: artifacts }), ...(exclude && { exclude }) };
  parseSelection(sealedPart);
  return { sealedPart };
}
