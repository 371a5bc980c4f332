import { once } from 'node:events';
import type { ReadStream, WriteStream } from 'node:tty';
import type { FindIdentities } from '../artifacts/index.ts';
import { unignoredSignals } from '../process/index.ts';
import { readRecord, type Store, type TaskName, taskPaths } from '../store/index.ts';
import { type Capabilities, InputDecoder, Screen } from '../terminal/index.ts';
import type { Programs } from './task-actions.ts';
import { View } from './view.ts';

/** Where the view is shown and what controls it. */
export interface Terminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly capabilities: Capabilities;
}

/** How often records and logs are looked at, in milliseconds; ages are shown in seconds. */
const REFRESH_MS = 500;
/** A lone Escape is the key itself when nothing follows it for that long. */
const ESCAPE_MS = 50;

/**
 * The tasks of a store and the files of the chosen one on a terminal, until q or Ctrl-C. `only`
 * shows one task. Throws `not-found` where that is none; the terminal is restored in every case.
 */
export async function showTasks(
  store: Store,
  only: TaskName | undefined,
  findIdentities: FindIdentities,
  terminal: Terminal,
  programs: Programs,
): Promise<void> {
  if (only !== undefined) readRecord(taskPaths(store, only).record, only);
  const { input, output, capabilities } = terminal;
  using screen = new Screen(output);
  const keys = new Keys(input, (each) => view.take(each));
  const handOver = async (run: () => Promise<void>): Promise<void> => {
    screen.close();
    keys.stop();
    try {
      await run();
    } finally {
      keys.start();
      screen.open();
      view.draw();
    }
  };
  const suspend = (): void => void handOver(stopProcess);
  const parts = { store, only, findIdentities, screen, capabilities, programs, handOver, suspend };
  using view = new View(parts);
  const draw = (): void => view.draw();
  const quit = (): void => view.quit();
  output.on('resize', draw);
  input.once('end', quit);
  const signals = unignoredSignals(['SIGINT', 'SIGTERM', 'SIGHUP']);
  for (const signal of signals) process.once(signal, quit);
  keys.start();
  const leaving = new AbortController();
  try {
    await Promise.race([view.ended, refreshUntil(leaving.signal, view), once(output, 'error')]);
  } finally {
    leaving.abort();
    keys.stop();
    output.off('resize', draw);
    input.off('end', quit);
    for (const signal of signals) process.off(signal, quit);
  }
}

/** Refreshes the view again and again. Throws what refreshing throws. */
async function refreshUntil(signal: AbortSignal, view: View): Promise<void> {
  const { setTimeout: sleep } = await import('node:timers/promises');
  while (!signal.aborted) {
    await view.refresh();
    await sleep(REFRESH_MS, undefined, { signal }).catch(() => {});
  }
}

/** Stops this process as Ctrl-Z does; resolves when it is continued. */
async function stopProcess(): Promise<void> {
  const continued = once(process, 'SIGCONT');
  process.kill(process.pid, 'SIGTSTP');
  await continued;
}

/** The keys of a terminal in raw mode, while they are wanted. */
class Keys {
  private readonly input: ReadStream;
  private readonly take: (input: ReturnType<InputDecoder['push']>[number]) => void;
  private readonly decoder = new InputDecoder();
  private timer: NodeJS.Timeout | undefined;

  constructor(input: ReadStream, take: Keys['take']) {
    this.input = input;
    this.take = take;
  }

  start(): void {
    this.input.setRawMode(true).setEncoding('utf8').on('data', this.onData).resume();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.input.off('data', this.onData).setRawMode(false).pause();
  }

  private readonly onData = (data: string | Buffer): void => {
    clearTimeout(this.timer);
    for (const input of this.decoder.push(data.toString())) this.take(input);
    if (!this.decoder.isWaiting) return;
    this.timer = setTimeout(() => {
      for (const input of this.decoder.flush()) this.take(input);
    }, ESCAPE_MS);
  };
}
