import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { Transform } from 'node:stream';
import { isatty } from 'node:tty';
import { followLog, isLogComplete, openLog } from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { onSignals } from '../../process/index.ts';
import { reachRun, viewTask, waitFor } from '../../runner/index.ts';
import { isFinal, type Store, type TaskName } from '../../store/index.ts';
import { addTask } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { exitCodeOfTask, exitCodeOfTaskError } from '../exit-code.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { print, say, whileRead } from '../output.ts';
import { attachTerminal } from '../terminal.ts';

export const command = defineCommand({
  examples: [
    ['taskfs attach build', 'What a task prints from now on, until it ends'],
    ['taskfs attach --no-sig-proxy build', 'The same, but Ctrl-C only detaches'],
    ['taskfs run -dit --name sh -- bash; taskfs attach sh', 'A shell that goes on without you'],
  ],
  about:
    'As with docker: Ctrl-C, and any other signal that ends programs, is passed on to the task; ' +
    'with --no-sig-proxy it only detaches. A task that was started with -i, and a local one with ' +
    '-t, is given what is typed; if it has a terminal, Ctrl-P Ctrl-Q detaches. Both of its ' +
    'streams come on standard output. The exit code is that of the task.',
  build: (parser) =>
    addTask(addIdentityOptions(parser), 'a task that has not ended')
      .option('sig-proxy', {
        type: 'boolean',
        default: true,
        describe: 'Pass signals on to the task; --no-sig-proxy does not',
      })
      .option('stdin', {
        type: 'boolean',
        default: true,
        describe: 'Pass standard input on to a task that takes it; --no-stdin does not',
      }),
  exitCodeOf: exitCodeOfTaskError,
  run: async ({ options }) => {
    const { task } = options;
    const store = openStoreOf(options);
    const { status } = viewTask(store, task);
    if (isFinal(status)) {
      throw new TaskfsError('usage', `task ${task} has ended already`, {
        hint: `'taskfs logs ${task}' shows what it printed.`,
      });
    }
    using log = await openLog(store, task, () => findIdentities(store, options));
    using attached = new DisposableStack();
    const range = { from: log.size(), end: Number.POSITIVE_INFINITY };
    if (options['sig-proxy']) attached.defer(passSignals(store, task));
    let isDetached = false;
    const detach = (): void => {
      isDetached = true;
    };
    // From here on, so that it is finished should its supervisor be gone: else its log never ends.
    let hasEnded = false;
    const ended = waitFor(store, task, say).finally(() => {
      hasEnded = true;
    });
    ended.catch(() => {});
    if (options.stdin && status === 'running') {
      attached.defer(await passInput(store, task, detach));
    }
    const isOver = (): boolean => isDetached || hasEnded || isLogComplete(store, task);
    await whileRead(async () => {
      for await (const { bytes } of followLog(log, range, isOver)) await print(bytes);
    });
    if (isDetached) {
      say(`Left task ${task}: it goes on.`);
      return 0;
    }
    return exitCodeOfTask(await ended, constants.signals);
  },
});

const PASSED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** A task that waits for its turn, or is ending, takes no signal. */
function passSignals(store: Store, task: TaskName): () => void {
  const pass = (signal: NodeJS.Signals): void => {
    reachRun(store, task, { patienceMs: 0 })
      .then((run) => run.signal(signal))
      .catch((error) => say(`Not passed on: ${signal}: ${error.message}.`));
  };
  return onSignals(PASSED, pass);
}

/** Gives the task what is typed, where it takes input; returns how to stop that. */
async function passInput(store: Store, task: TaskName, detach: () => void): Promise<() => void> {
  const run = await reachRun(store, task).catch(unlessStarted);
  const input = await run?.openInput?.();
  if (!input) {
    if (run && hasInput()) say(`Task ${task} takes no input: it was started without -i.`);
    if (process.stdin.isTTY) say(HOW_TO_LEAVE);
    return () => {};
  }
  const tty = viewTask(store, task).options.tty === true;
  const leaveTerminal = attachTerminal(input, { interactive: true, tty });
  const isRaw = tty && process.stdin.isTTY;
  const leave = (): void => {
    // What is typed from now on is for whoever reads this terminal next.
    process.stdin.unpipe().pause();
    detach();
  };
  const source = isRaw ? process.stdin.pipe(untilDetachKeys(leave)) : process.stdin;
  source.pipe(input.stream);
  return () => {
    leaveTerminal();
    source.unpipe(input.stream);
    process.stdin.pause();
    input.stream.destroy();
  };
}

/** One that is still being started, or ends, is shown without input. */
function unlessStarted(error: unknown): undefined {
  if (error instanceof TaskfsError && error.kind === 'usage') return undefined;
  throw error;
}

/** Whether somebody may believe that it arrives: not where standard input is /dev/null. */
function hasInput(): boolean {
  if (isatty(0)) return true;
  const stdin = fstatSync(0);
  return stdin.isFIFO() || stdin.isSocket() || stdin.isFile();
}

const HOW_TO_LEAVE = 'Ctrl-C is passed on to it: --no-sig-proxy leaves it alone.';

const CTRL_P = 0x10;
const CTRL_Q = 0x11;

/** Hands on what is typed, but for docker's keys to detach, and what comes behind them. */
function untilDetachKeys(detach: () => void): Transform {
  let isHeld = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const keys = isHeld ? Buffer.concat([Buffer.of(CTRL_P), chunk]) : chunk;
      const at = keys.indexOf(Buffer.of(CTRL_P, CTRL_Q));
      if (at >= 0) detach();
      const typed = at >= 0 ? keys.subarray(0, at) : keys;
      isHeld = at < 0 && typed.at(-1) === CTRL_P;
      done(null, isHeld ? typed.subarray(0, -1) : typed);
    },
  });
}
