import { TaskfsError } from '../../errors.ts';
import { currentCaller } from '../../runner/index.ts';
import { defineCommand } from '../command.ts';
import { exitCodeOfTaskError } from '../exit-code.ts';
import { openOrMakeStore } from '../open-store.ts';
import { addRunOptions, type RunOptions } from '../run-options.ts';
import { startTask } from '../start-task.ts';
import { readEnvironment, specOf, variablesOf } from '../task-spec.ts';
import { assertTerminalInput } from '../terminal.ts';

export const command = defineCommand({
  examples: [
    ['taskfs run -- npm test', 'A local process; its files go to $TASKFS_ARTIFACTS'],
    ['taskfs run --image node:24 -- npm test', 'In a container; its files go to /artifacts'],
    ['taskfs run -d --name build -- make', 'In the background, with a name'],
    [
      'taskfs run --timeout 10m --retries 2 -- ./flaky',
      'With a time limit and up to two more attempts',
    ],
    [
      `taskfs run -d --on-end 'notify-send "$TASKFS_TASK: $TASKFS_STATUS"' -- make`,
      'A message when it is over',
    ],
    ['taskfs run -d --after build -- make test', 'Once the task build has completed'],
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
    const env = readEnvironment(
      { ...options, env: variablesOf(options) },
      currentCaller().environment,
    );
    const store = await openOrMakeStore(options);
    return startTask(store, { name: options.name, spec }, env, options);
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
  if (!detach) assertTerminalInput(interactive, tty);
}
