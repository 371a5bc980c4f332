import { once } from 'node:events';

/** Whoever read our standard output has gone (`taskfs logs x | head`): no error, but nothing more to do. */
export class ReaderGone extends Error {}

let gone = false;

/** From here on, writing to a pipe that nobody reads ends nothing by itself; `print` tells. */
export function tolerateClosedPipes(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    gone = true;
  });
  process.stderr.on('error', () => {});
}

/** Writes data to standard output, and waits where its reader is behind. Throws `ReaderGone`. */
export async function print(data: string | Uint8Array): Promise<void> {
  if (gone) throw new ReaderGone();
  if (!process.stdout.write(data)) await once(process.stdout, 'drain').catch(() => {});
  if (gone) throw new ReaderGone();
}

/** Waits until all that was printed is handed on: exit drops what a slow reader has not taken yet. */
export async function flushOutput(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    // Called with an error too, where the reader has gone.
    await new Promise<void>((resolve) => stream.write('', () => resolve()));
  }
}

export async function printLine(line: string): Promise<void> {
  await print(`${line}\n`);
}

/** One JSON value, indented: for people and programs alike. */
export async function printJson(value: unknown): Promise<void> {
  await print(`${JSON.stringify(value, null, 2)}\n`);
}

/** One JSON value on a line of its own, for streams of them. */
export async function printJsonLine(value: unknown): Promise<void> {
  await print(`${JSON.stringify(value)}\n`);
}

/** Words for a person, a line on standard error. */
export function say(words: string): void {
  process.stderr.write(`${words}\n`);
}
