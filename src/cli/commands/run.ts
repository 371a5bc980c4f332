import { constants } from 'node:os';
import { assertBackground } from '../../background-process.ts';
import { TaskfsError } from '../../errors.ts';
import { closeInheritedDescriptors } from '../../process/index.ts';
import type { Claim } from '../../runner/index.ts';
import {
  currentCaller,
  loadSealing,
  recover,
  startDetached,
  submit,
  superviseTask,
  viewTask,
} from '../../runner/index.ts';
import type { TaskName, TaskRecord } from '../../store/index.ts';
import { defineCommand } from '../command.ts';
import { exitCodeOfTask, exitCodeOfTaskError } from '../exit-code.ts';
import { openOrMakeStore } from '../open-store.ts';
import { printJson, printLine, say, whyUnwritable } from '../output.ts';
import { showEngineProgress, showSealProgress } from '../progress.ts';
import { addRunOptions, type RunOptions } from '../run-options.ts';
import { readEnvironment, specOf, withholdFromSupervisor } from '../task-spec.ts';
import { attachTerminal } from '../terminal.ts';
import { showDuration } from '../units.ts';
import { paint } from '../words.ts';

export const command = defineCommand({
  examples: [
    ['taskfs run -- npm test', 'A local process; its files go to $TASKFS_ARTIFACTS'],
    ['taskfs run --image node:24 -- npm test', 'In a container; its files go to /artifacts'],
    ['taskfs run -d --name build -- make', 'In the background, with a name'],
    [
      'taskfs run --timeout 10m --retries 2 -- ./flaky',
      'With a time limit and up to two more attempts',
    ],
  ],
  about:
    'Everything after -- is the command, untouched. What it leaves in $TASKFS_ARTIFACTS is ' +
    'sealed when it ends. Ctrl-C cancels it. The exit code is its own; 124: timed out; 125: ' +
    'taskfs failed; 126, 127: not executable, not found; 128+n: ended by signal n; 130: ' +
    'cancelled.',
  rawOptions: ['env', 'workdir'],
  build: addRunOptions,
  exitCodeOf: exitCodeOfTaskError,
  run: async ({ options, rest }) => {
    assertCommand(rest, options);
    const spec = specOf(rest, options);
    const env = readEnvironment(options, currentCaller().environment);
    const store = await openOrMakeStore(options);
    await recover(store, { scope: 'unfinished', say });
    if (options.detach) assertBackground();
    const claim = submit(store, { name: options.name, spec });
    if (!options.detach) return inForeground(claim, env, options);
    withholdFromSupervisor(env);
    await startDetached(claim, env);
    if (options.json) await printJson(viewTask(store, claim.task));
    else await printLine(claim.task);
    return 0;
  },
});

function assertCommand(
  rest: readonly string[],
  { image, detach, interactive, tty }: RunOptions,
): void {
  if (rest.length === 0 && image === undefined) {
    throw new TaskfsError('usage', 'there is no command to run', {
      hint: "It comes after two dashes: 'taskfs run -- make all'.",
    });
  }
  if (rest[0] === '') {
    throw new TaskfsError('command-not-found', "there is no command ''", {
      hint: 'The first word after the dashes is empty: perhaps a variable that is not set.',
    });
  }
  if (detach && interactive) {
    throw new TaskfsError('usage', '-d and -i exclude each other', {
      hint: 'A task in the background has no input.',
    });
  }
  if (interactive && tty && !process.stdin.isTTY) {
    throw new TaskfsError('usage', '-i and -t together need a terminal as standard input', {
      hint: 'Leave out -t: the end of piped input does not get through a terminal.',
    });
  }
}

async function inForeground(
  claim: Claim,
  env: Readonly<Record<string, string>>,
  options: RunOptions,
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
      `Standard output cannot be written: ${whyUnwritable(error)}. Task ${task} continues, ` +
        `and 'taskfs logs ${task}' has all that it prints.`,
    );
  });
}

/**
 * What the command's own output does not say; on a terminal also that its files are safe, and
 * where.
 */
function reportEnd({ task, reasonKind, reason, artifacts, sealMs }: TaskRecord): void {
  // The reason of a task that did not start names it already.
  if (reasonKind !== 'exit')
    say(reasonKind === 'not-started' ? `${reason}` : `Task ${task}: ${reason}`);
  if (!process.stderr.isTTY || artifacts !== 'sealed') return;
  const words = `Sealed in ${showDuration(sealMs ?? 0)}: 'taskfs ls ${task}' lists its files.`;
  say(paint('dim', words));
}
