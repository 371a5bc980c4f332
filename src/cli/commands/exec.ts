import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { TaskfsError } from '../../errors.ts';
import { onSignals } from '../../process/index.ts';
import { currentCaller, type ExecRunning, reachRun, viewTask } from '../../runner/index.ts';
import { absolutePath } from '../../store/index.ts';
import { addTask } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { exitCodeOfTaskError, TASK_EXIT } from '../exit-code.ts';
import { openStoreOf } from '../open-store.ts';
import { readEnvironment } from '../task-spec.ts';
import { assertTerminalInput, attachTerminal } from '../terminal.ts';

export const command = defineCommand({
  rawOptions: ['env', 'workdir'],
  examples: [
    ['taskfs exec build -- ls -l', 'A further command where a task runs'],
    ['taskfs exec -it build -- bash', 'A shell there'],
    ['taskfs exec -e DEBUG=1 build -- ./check', 'With one more variable'],
  ],
  about:
    'Runs it in the task’s container or, for a local process, beside it: in its directory, ' +
    'with the environment that its command was started with. It ends with the task. ' +
    'Its output is not in the task’s log. The exit code is the command’s own; 125: taskfs ' +
    'failed; 126, 127: not executable, not found; 128+n: ended by signal n.',
  build: (parser) =>
    addTask(parser, 'a task that runs')
      .option('interactive', {
        alias: 'i',
        type: 'boolean',
        default: false,
        describe: 'Pass standard input on',
      })
      .option('tty', { alias: 't', type: 'boolean', default: false, describe: 'In a terminal' })
      .option('env', {
        alias: 'e',
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'A further variable K=V; K alone takes its value from here',
      })
      .option('workdir', {
        alias: 'w',
        type: 'string',
        requiresArg: true,
        describe: 'Where it runs; else where the task does',
      })
      .option('user', {
        alias: 'u',
        type: 'string',
        requiresArg: true,
        describe: 'In a container, as whom',
      }),
  exitCodeOf: exitCodeOfTaskError,
  run: async ({ options, rest }) => {
    const { task, interactive, tty, workdir, user = null } = options;
    assertCommand(rest, interactive, tty);
    const store = openStoreOf(options);
    const run = await reachRun(store, task);
    const { image } = viewTask(store, task);
    const env = readEnvironment({ env: options.env, image }, currentCaller().environment);
    const running = await run.exec({
      command: rest,
      env,
      cwd: workdir === undefined || image !== null ? (workdir ?? null) : absolutePath(workdir),
      user,
      interactive,
      tty,
    });
    return followToEnd(running, { interactive, tty });
  },
});

function assertCommand(rest: readonly string[], interactive: boolean, tty: boolean): void {
  if (rest.length === 0) {
    throw new TaskfsError('usage', 'there is no command to run', {
      hint: "It comes after two dashes: 'taskfs exec TASK -- ls'.",
    });
  }
  assertTerminalInput(interactive, tty);
}

async function followToEnd(
  running: ExecRunning,
  how: { readonly interactive: boolean; readonly tty: boolean },
): Promise<number> {
  const detach = running.resize ? attachTerminal(running, how) : passSignals(running);
  try {
    const { exitCode, signal } = await running.ended;
    return exitCode ?? TASK_EXIT.signalled + (signal === null ? 0 : constants.signals[signal]);
  } finally {
    detach();
  }
}

const INTERRUPTS = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const;

/** A child of this process gets those of a terminal itself, and all others through this process. */
function passSignals({ signal: send }: ExecRunning): () => void {
  if (!send) return () => {};
  const isOnTerminal = [0, 1, 2].some(isatty);
  const pass = (signal: NodeJS.Signals): void => {
    const isOfTerminal = signal === 'SIGINT' || signal === 'SIGQUIT';
    if (!(isOnTerminal && isOfTerminal)) send(signal);
  };
  return onSignals(INTERRUPTS, pass);
}
