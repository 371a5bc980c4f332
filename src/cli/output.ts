import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { reasonOf, TaskfsError } from '../errors.ts';
import { printableJson } from '../printable.ts';
import { render, type Words } from './styled-text.ts';

/**
 * Whoever read our standard output has gone (`taskfs logs x | head`): no error, but nothing more
 * to do.
 */
export class ReaderGone extends Error {}

/** Of a pipe, and of a socket that is used as one, where something was not read. */
const READER_GONE: ReadonlySet<string> = new Set(['EPIPE', 'ECONNRESET']);

/** Why standard output takes nothing more; undefined while it does. */
let failure: Error | undefined;
/** Whether anything was printed: what a task shows of its own is not ours to account for. */
let hasPrinted = false;

/**
 * From here on, output that cannot be written ends nothing by itself: not on a full disk, on a
 * terminal that was closed, or on a pipe that nobody reads. `print` and `flushOutput` throw why.
 */
export function tolerateBrokenOutput(): void {
  process.stdout.on('error', noteFailure);
  // There is nowhere left to say it.
  process.stderr.on('error', () => {});
}

function noteFailure(error: NodeJS.ErrnoException): void {
  failure ??= READER_GONE.has(error.code ?? '') ? new ReaderGone() : unwritable(error);
}

function unwritable(cause: unknown, stream = 'standard output'): TaskfsError {
  const message = `${stream} cannot be written: ${reasonOf(cause)}`;
  return new TaskfsError('failed', message, { cause });
}

/**
 * Writes data to standard output, and waits where its reader is behind. Throws `ReaderGone` where
 * nobody reads it any more, `failed` where it cannot be written.
 */
export async function print(data: string | Uint8Array): Promise<void> {
  hasPrinted = true;
  if (failure) throw failure;
  if (!process.stdout.write(data)) await once(process.stdout, 'drain').catch(() => {});
  if (failure) throw failure;
}

/**
 * Waits until all that was printed is handed on: exit drops what a slow reader has not taken yet.
 * Throws as `print` does.
 */
export async function flushOutput(): Promise<void> {
  const error = await drain(process.stdout);
  if (error) noteFailure(error);
  if (failure && hasPrinted) throw failure;
}

/** Waits until what was said is handed on, where it must be. Throws `failed` where it cannot be. */
export async function flushWords(): Promise<void> {
  const error = await drain(process.stderr);
  if (error) throw unwritable(error, 'standard error');
}

/** Waits until both standard streams have handed on what they hold, or cannot. */
export async function drainStreams(): Promise<void> {
  await drain(process.stdout);
  await drain(process.stderr);
}

/** Resolves with why a stream cannot hand on what it holds, where that is so. */
function drain(stream: NodeJS.WriteStream): Promise<Error | null | undefined> {
  return new Promise((resolve) => stream.write('', resolve));
}

/** How often it is checked that anybody reads standard output, in milliseconds. */
const CHECK_MS = 250;

/**
 * Does what may have nothing to print for long, and resolves with what that does. Throws
 * `ReaderGone` soon after the last reader of standard output has gone, where that is a pipe or a
 * socket without a name: whoever reads one with a name may come back.
 */
export async function whileRead<T>(follow: () => Promise<T>): Promise<T> {
  if (!/^(pipe|socket):/.test(readlinkSync('/proc/self/fd/1'))) return follow();
  const { PollSet } = await import('../sys/index.ts');
  const output = new PollSet([1]);
  let timer: NodeJS.Timeout | undefined;
  const gone = new Promise<never>((_resolve, reject) => {
    timer = setInterval(() => {
      output.wait(0);
      if (output.isBroken(0)) reject(new ReaderGone());
    }, CHECK_MS);
  });
  return Promise.race([follow(), gone]).finally(() => clearInterval(timer));
}

/** A line of words on standard output. */
export async function printLine(words: Words): Promise<void> {
  await print(`${render(words, process.stdout)}\n`);
}

/** How much text of many lines is written at once, in characters. */
const BLOCK = 64 * 1024;

/** Many lines: in few writes, for a list of thousands. */
export async function printLines(lines: Iterable<Words>): Promise<void> {
  let block = '';
  for (const words of lines) {
    block += `${render(words, process.stdout)}\n`;
    if (block.length < BLOCK) continue;
    await print(block);
    block = '';
  }
  if (block !== '') await print(block);
}

/**
 * Throws `usage` where a stream of bytes, such as a tar, would meet --json or a terminal. `both`
 * names the two options, `example` a command to redirect.
 */
export function assertRedirected(
  asJson: boolean,
  both: string,
  what: string,
  example: string,
): void {
  if (asJson) {
    throw new TaskfsError('usage', `${both} both want standard output`, {
      hint: 'Leave out one of them.',
    });
  }
  if (!process.stdout.isTTY) return;
  throw new TaskfsError('usage', `a ${what} is not for a terminal`, {
    hint: `Redirect it, as in '${example} > FILE'.`,
  });
}

/** One JSON value, indented: for people and programs alike. */
export async function printJson(value: unknown): Promise<void> {
  await print(printableJson(`${JSON.stringify(value, null, 2)}\n`));
}

/** One JSON value on a line of its own, for streams of them. */
export async function printJsonLine(value: unknown): Promise<void> {
  await print(printableJson(`${JSON.stringify(value)}\n`));
}

/** Lines for a person, on standard error; written at once, so that they stay together. */
export function say(...lines: readonly Words[]): void {
  process.stderr.write(lines.map((words) => `${render(words, process.stderr)}\n`).join(''));
}
