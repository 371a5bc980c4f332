import {
  findLines,
  followLog,
  isLogComplete,
  type LogPiece,
  type LogSelection,
  openLog,
  readLog,
  type TaskLog,
  timesOf,
} from '../../artifacts/index.ts';
import { isInterrupted, viewTask } from '../../runner/index.ts';
import type { Store, TaskName } from '../../store/index.ts';
import { addTasks } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { print, say, whileRead } from '../output.ts';
import { parseCount, parseInstant, showInstant, type Zone } from '../units.ts';

export const command = defineCommand({
  examples: [
    ['taskfs logs build', 'What a task printed, live or archived'],
    ['taskfs logs -f build', 'Follow until it ends'],
    ['taskfs logs -n 20 build', 'The last 20 lines'],
    ['taskfs logs --since 10m -t build', 'Of the last ten minutes, each line with its time'],
    ['taskfs logs -f build lint', 'Of several, each line with its task before it'],
  ],
  about:
    'The time of a line is when its first byte came, to a hundredth of a second. --since and ' +
    '--until take a time ago (10m, 2h), a date or time (2026-11-27, 2026-11-27T08:10), or a Unix ' +
    'time. Logs of older versions have no times.',
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
      })
      .option('since', {
        type: 'string',
        requiresArg: true,
        describe: 'Only what came from then on',
      })
      .option('until', { type: 'string', requiresArg: true, describe: 'Only what came by then' })
      .option('timestamps', {
        alias: 't',
        type: 'boolean',
        default: false,
        describe: 'Each line with its time before it',
      }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const tasks = [...new Set(options.task)];
    const width = Math.max(...tasks.map((task) => task.length));
    const selection = selectionOf(options);
    const show = async (task: TaskName): Promise<void> => {
      viewTask(store, task);
      using log = await openLog(store, task, () => findIdentities(store, options));
      const range = findLines(log, task, selection);
      if (options.timestamps) timesOf(log, task);
      const name = tasks.length === 1 ? '' : `${task.padEnd(width)} | `;
      const isPlain = name === '' && !options.timestamps;
      const stamp = options.timestamps ? () => stampOf(log, task, options) : noStamp;
      const write = isPlain ? printPiece : linesWith(name, stamp);
      const isOver = () => isLogComplete(store, task, selection.until) || isLeft(store, task);
      const pieces = options.follow ? followLog(log, range, isOver) : readLog(log, range);
      for await (const piece of pieces) await write(piece);
      await write(END);
      if (options.follow && !isLogComplete(store, task, selection.until))
        say(`Nobody supervises task ${task} any more: 'taskfs recover' finishes it.`);
    };
    const showAll = (): Promise<unknown> => Promise.all(tasks.map(show));
    await (options.follow ? whileRead(showAll) : showAll());
    return 0;
  },
});

/** Whether nothing more is written until somebody recovers the task. */
const isLeft = (store: Store, task: TaskName): boolean => isInterrupted(viewTask(store, task));

function selectionOf(options: {
  readonly lines: string | undefined;
  readonly since: string | undefined;
  readonly until: string | undefined;
}): LogSelection {
  const { lines, since, until } = options;
  return {
    tail: lines === undefined ? undefined : parseCount('-n', lines, 0),
    since: since === undefined ? undefined : parseInstant('--since', since),
    until: until === undefined ? undefined : parseInstant('--until', until),
  };
}

type Write = (piece: LogPiece) => Promise<void>;

/** What a writer is given when nothing more comes. */
const END: LogPiece = { at: 0, bytes: Buffer.alloc(0) };
const NEWLINE = 0x0a;

const printPiece: Write = ({ bytes }) => print(bytes);

/** What stands before a line for its time, by where the line is; asked for anew for each piece. */
type Stamp = (at: number) => string;
const noStamp = (): Stamp => () => '';

function stampOf(log: TaskLog, task: TaskName, zone: Zone): Stamp {
  const times = timesOf(log, task);
  return (at) => {
    const time = times?.timeAt(at);
    return time === undefined ? '' : `${showInstant(time, zone)} `;
  };
}

/** Writes whole lines, each with what stands before it; the last one when it gets no bytes. */
function linesWith(name: string, newStamp: () => Stamp): Write {
  let rest = Buffer.alloc(0);
  let start = 0;
  return async ({ at, bytes }) => {
    if (rest.length === 0) start = at;
    const all = Buffer.concat([rest, bytes]);
    const end = bytes.length === 0 ? all.length : all.lastIndexOf(NEWLINE) + 1;
    rest = all.subarray(end);
    if (end === 0) return;
    const stamp = newStamp();
    const text = all.subarray(0, end).toString('latin1').replace(/\n$/, '');
    const lines = text.split('\n').map((line) => {
      const whole = `${name}${stamp(start)}${line}\n`;
      start += line.length + 1;
      return whole;
    });
    await print(Buffer.from(lines.join(''), 'latin1'));
  };
}
