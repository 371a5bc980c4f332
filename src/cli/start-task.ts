import { constants } from 'node:os';
import { assertBackground } from '../background-process.ts';
import { reasonOf } from '../errors.ts';
import { closeInheritedDescriptors } from '../process/index.ts';
import { showDuration } from '../quantities.ts';
import {
  assertPossible,
  type Claim,
  loadSealing,
  recover,
  recoverTask,
  type Submission,
  startDetached,
  submit,
  superviseTask,
  viewTask,
} from '../runner/index.ts';
import type { Store, TaskName, TaskRecord } from '../store/index.ts';
import { exitCodeOfTask } from './exit-code.ts';
import { printJson, printLine, say } from './output.ts';
import { showEngineProgress, showSealProgress } from './progress.ts';
import { paint } from './styled-text.ts';
import { withholdFromSupervisor } from './task-spec.ts';
import { attachTerminal } from './terminal.ts';

/** How a task in the foreground is shown. */
interface ForegroundOptions {
  /** Its status goes to standard output, not what it prints. */
  readonly json: boolean;
  /** Standard input is passed on. */
  readonly interactive: boolean;
  /** It has a terminal, which is this one. */
  readonly tty: boolean;
}

/** How a new task is run, and what is printed of it. */
export interface StartOptions extends ForegroundOptions {
  /** It continues in the background: its name is printed, or with `json` its status. */
  readonly detach: boolean;
}

/**
 * Submits a task and runs it, in the foreground or the background; `env` are the variables given
 * with -e, values resolved. Returns the exit code. Throws as `assertPossible` and
 * `submit` do.
 */
export async function startTask(
  store: Store,
  submission: Submission,
  env: Readonly<Record<string, string>>,
  options: StartOptions,
): Promise<number> {
  await assertPossible(submission.spec.engine, submission.spec.options);
  await recover(store, { scope: 'unfinished', say });
  if (options.detach) assertBackground();
  const claim = submit(store, submission);
  if (!options.detach) return superviseInForeground(claim, env, options);
  withholdFromSupervisor(env);
  await startDetached(claim, env);
  if (options.json) await printJson(viewTask(store, claim.task));
  else await printLine(claim.task);
  return 0;
}

/**
 * Supervises a task in this process, shows what it prints, and returns the exit code: its own, or
 * one of those that docs/cli.md lists.
 */
async function superviseInForeground(
  claim: Claim,
  env: Readonly<Record<string, string>>,
  options: ForegroundOptions,
): Promise<number> {
  if (process.stderr.isTTY) say(paint('dim', `Task ${claim.task}`));
  let starts = 0;
  using seal = showSealProgress(options.json);
  using engine = showEngineProgress();
  // With --json, standard output belongs to the report; what the task prints is in its log.
  const shown = options.json ? {} : { stdout: process.stdout, stderr: process.stderr };
  if (!options.json) reportBrokenOutput(claim.task);
  const record = await superviseTask(claim, env, {
    ...shown,
    ...(options.interactive && { stdin: process.stdin }),
    say,
    recoverTask: (store, task) => recoverTask(store, task, { scope: 'unfinished', say }),
    onSealProgress: seal.onProgress,
    onEngineProgress: engine.onProgress,
    onRunning: (running) => {
      // The task has its own; kept open here too, a pipe would not end when it closes it.
      if (starts++ === claim.record.retries) closeInheritedDescriptors();
      engine[Symbol.dispose]();
      loadSealing();
      return attachTerminal(running, options);
    },
  });
  if (options.json) await printJson(viewTask(claim.store, claim.task));
  reportEnd(record);
  return exitCodeOfTask(record, constants.signals);
}

/** A terminal that was closed or a disk that is full ends the showing, never the task. */
function reportBrokenOutput(task: TaskName): void {
  process.stdout.once('error', (error) => {
    say(
      `Standard output cannot be written: ${reasonOf(error)}. Task ${task} continues, ` +
        `'taskfs logs ${task}' has all that it prints, 'taskfs cancel ${task}' ends it.`,
    );
  });
}

/**
 * What the command's own output does not say; on a terminal also that its files are safe, and
 * where.
 */
function reportEnd({ task, reasonKind, reason, artifacts, sealMs }: TaskRecord): void {
  if (reasonKind === 'not-started') say(`Task ${task} did not start: ${reason}`);
  else if (reasonKind !== 'exit') say(`Task ${task}: ${reason}`);
  if (!process.stderr.isTTY || artifacts !== 'sealed') return;
  const words = `Sealed in ${showDuration(sealMs ?? 0)}: 'taskfs ls ${task}' lists its files.`;
  say(paint('dim', words));
}
