import { once } from 'node:events';
import type { ReadStream, WriteStream } from 'node:tty';
import { unignoredSignals } from '../../process/index.ts';
import type { Store, TaskName } from '../../store/index.ts';
import { Watch } from '../watch.ts';
import { View } from './view.ts';

/** Where the view is shown and what controls it; input that is no terminal does not. */
export interface Terminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly color: boolean;
}

/** Ages are shown in seconds. */
const REDRAW_EVERY = 1_000;

/**
 * A live tree of one task or of all on a terminal, until q or Ctrl-C. A task that ends stays on
 * the screen as it was archived. Throws `not-found` where there is no such task; the terminal is
 * restored in every case.
 */
export async function showTree(
  store: Store,
  task: TaskName | undefined,
  terminal: Terminal,
): Promise<void> {
  await using watch = new Watch(store, task);
  const { input, output } = terminal;
  using view = new View(watch, output, terminal.color);
  const draw = (): void => view.draw();
  const press = (text: string): void => view.press(text);
  const quit = (): void => view.quit();
  const timer = setInterval(draw, REDRAW_EVERY);
  if (input.isTTY) input.setRawMode(true).setEncoding('utf8').on('data', press).once('end', quit);
  output.on('resize', draw);
  const signals = unignoredSignals(['SIGTERM', 'SIGHUP']);
  for (const signal of signals) process.once(signal, quit);
  try {
    await Promise.race([view.ended, follow(watch, view), failed(output)]);
  } finally {
    clearInterval(timer);
    if (input.isTTY) input.off('data', press).off('end', quit).setRawMode(false).pause();
    output.off('resize', draw);
    for (const signal of signals) process.off(signal, quit);
  }
}

/** Redraws at every batch of events, and stays after the last until the user quits. */
async function follow(watch: Watch, view: View): Promise<void> {
  for (let events = await watch.next(); events; events = await watch.next()) view.update(events);
  view.draw();
  await view.ended;
}

/** A terminal that went away ends the view, it is no failure of its own. */
async function failed(output: WriteStream): Promise<void> {
  await once(output, 'error');
}
