import { setTimeout as sleep } from 'node:timers/promises';
import { openLog, type TaskLog } from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { isFinal, readRecord, taskPaths } from '../../store/index.ts';
import { addTasks } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { print } from '../output.ts';
import { parseCount } from '../units.ts';

export const command = defineCommand({
  examples: [
    ['taskfs logs build', 'What a task printed, live or archived'],
    ['taskfs logs -f build', 'Follow until it ends'],
    ['taskfs logs -n 20 build', 'The last 20 lines'],
    ['taskfs logs -f build lint', 'Of several, each line with its task before it'],
  ],
  build: (parser) =>
    addTasks(addIdentityOptions(parser))
      .option('follow', {
        alias: 'f',
        type: 'boolean',
        default: false,
        describe: 'Follow until it ends',
      })
      .option('lines', {
        alias: ['n', 'tail'],
        type: 'string',
        requiresArg: true,
        describe: 'Only this many lines from the end',
      }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const tasks = [...new Set(options.task)];
    const width = Math.max(...tasks.map((task) => task.length));
    const lines = options.lines === undefined ? undefined : parseCount('-n', options.lines, 0);
    await Promise.all(
      tasks.map(async (task) => {
        const { record } = taskPaths(store, task);
        const hasEnded = (): boolean => isEnded(record, task);
        hasEnded();
        using log = await openLog(store, task, () => findIdentities(store, options));
        const from = lines === undefined ? 0 : startOfLastLines(log, lines);
        const write = tasks.length === 1 ? print : linesWith(`${task.padEnd(width)} | `);
        await (options.follow ? follow(log, from, hasEnded, write) : printFrom(log, from, write));
        await write(END);
      }),
    );
    return 0;
  },
});

type Write = (piece: Uint8Array) => Promise<void>;

/** What a writer is given when nothing more comes. */
const END = new Uint8Array(0);

/** Writes whole lines, each with a prefix; the last one when it gets no bytes. */
function linesWith(prefix: string): Write {
  let rest = Buffer.alloc(0);
  return async (piece) => {
    const all = Buffer.concat([rest, piece]);
    const end = piece.length === 0 ? all.length : all.lastIndexOf(NEWLINE) + 1;
    rest = all.subarray(end);
    if (end === 0) return;
    const text = all.subarray(0, end).toString('latin1').replace(/\n$/, '');
    const lines = text.split('\n').map((line) => `${prefix}${line}\n`);
    await print(Buffer.from(lines.join(''), 'latin1'));
  };
}

/** Also where it was removed meanwhile: then nothing more comes. */
function isEnded(record: string, task: Parameters<typeof readRecord>[1]): boolean {
  return isFinal(readRecord(record, task).status);
}

/** How often a growing log is read, in milliseconds. */
const POLL_MS = 100;

async function follow(
  log: TaskLog,
  from: number,
  hasEnded: () => boolean,
  write: Write,
): Promise<void> {
  let at = from;
  for (;;) {
    // Asked before the reading: what came before the end is printed.
    const ended = hasEndedOrGone(hasEnded);
    at = await printFrom(log, at, write);
    if (ended) return;
    await sleep(POLL_MS);
  }
}

function hasEndedOrGone(hasEnded: () => boolean): boolean {
  try {
    return hasEnded();
  } catch (error) {
    if (error instanceof TaskfsError && error.kind === 'not-found') return true;
    throw error;
  }
}

async function printFrom(log: TaskLog, from: number, write: Write): Promise<number> {
  let at = from;
  for (;;) {
    // A buffer of its own each time: the stream may still hold the last one.
    const buffer = Buffer.allocUnsafe(64 * 1024);
    const length = log.read(buffer, at);
    if (length === 0) return at;
    await write(buffer.subarray(0, length));
    at += length;
  }
}

const NEWLINE = 0x0a;

/**
 * Where the last lines begin; read from the end, so that a long log costs no more than a short
 * one.
 */
function startOfLastLines(log: TaskLog, lines: number): number {
  const block = Buffer.alloc(64 * 1024);
  const size = log.size();
  if (lines === 0) return size;
  let missing = lines;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - block.length);
    const length = log.read(block.subarray(0, end - start), start);
    for (let at = length - 1; at >= 0; at--) {
      if (block[at] !== NEWLINE || start + at === size - 1) continue;
      missing -= 1;
      if (missing === 0) return start + at + 1;
    }
    end = start;
  }
  return 0;
}
