import { setTimeout as sleep } from 'node:timers/promises';
import { liveSize } from '../../artifacts/index.ts';
import { showBytes } from '../../quantities.ts';
import { reachRun, type TaskUsage, UsageSampler, viewTasks } from '../../runner/index.ts';
import type { Store, TaskName } from '../../store/index.ts';
import { addTasksOrNone, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { print, printJson, printJsonLine, printLines } from '../output.ts';
import { paint, table, type Words } from '../styled-text.ts';

/** Between two samples, in milliseconds. */
const INTERVAL_MS = 1000;

export const command = defineCommand({
  examples: [
    ['taskfs stats', 'What all running tasks use, every second, until Ctrl-C'],
    ['taskfs stats build', 'Of one task, until it ends'],
    ['taskfs stats --no-stream --json', 'Once, for a program'],
  ],
  about:
    'Processor time of one core is 100 %. A container is counted by its engine; a local ' +
    'process by its control group or, where there is none, by its processes, as far as they ' +
    'still run. Files is the size of the task’s files.',
  build: (parser) =>
    addTasksOrNone(parser)
      .option('stream', {
        type: 'boolean',
        default: true,
        describe: 'Repeat it every second; --no-stream prints it once, after a second',
      })
      .option('json', json('JSON: objects line by line, with --no-stream an array')),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const named = options.task;
    // Names a task that does not run.
    for (const task of named) await reachRun(store, task);
    const sampler = new UsageSampler(store);
    const sizes = new FileSizes(store);
    const tasks = (): readonly TaskName[] => (named.length > 0 ? named : runningTasks(store));
    const next = async (): Promise<TaskStats[]> =>
      Promise.all((await sampler.sample(tasks())).map((usage) => sizes.addTo(usage)));
    await next();
    for (;;) {
      await sleep(INTERVAL_MS);
      const stats = await next();
      if (!options.stream) {
        await (options.json ? printJson(stats) : printTable(stats));
        return 0;
      }
      if (named.length > 0 && stats.length === 0) return 0;
      await (options.json ? printObjects(stats) : showTable(stats));
    }
  },
});

interface TaskStats extends TaskUsage {
  /** Bytes of its files. */
  readonly filesBytes: number;
}

const runningTasks = (store: Store): TaskName[] =>
  viewTasks(store)
    .tasks.filter(({ status }) => status === 'running')
    .map(({ task }) => task);

/** How much of the time may be spent with measuring files. */
const SHARE = 0.1;

/** The sizes of files, measured again no sooner than their number allows. */
class FileSizes {
  private readonly store: Store;
  private readonly known = new Map<TaskName, { readonly bytes: number; readonly until: number }>();

  constructor(store: Store) {
    this.store = store;
  }

  async addTo(usage: TaskUsage): Promise<TaskStats> {
    return { ...usage, filesBytes: await this.of(usage.task) };
  }

  private async of(task: TaskName): Promise<number> {
    const begin = performance.now();
    const known = this.known.get(task);
    if (known && begin < known.until) return known.bytes;
    const bytes = await liveSize(this.store, task);
    const end = performance.now();
    this.known.set(task, { bytes, until: end + (end - begin) / SHARE });
    return bytes;
  }
}

async function printObjects(stats: readonly TaskStats[]): Promise<void> {
  for (const each of stats) await printJsonLine(each);
}

const printTable = (stats: readonly TaskStats[]): Promise<void> => printLines(lines(stats));

/** To the top left, and erase what is below (ECMA-48: CUP, ED). */
const FROM_THE_TOP = '\x1b[H\x1b[J';

async function showTable(stats: readonly TaskStats[]): Promise<void> {
  if (process.stdout.isTTY) await print(FROM_THE_TOP);
  await printTable(stats);
}

const TITLES = 'TASK,CPU,MEMORY,LIMIT,PROCESSES,READ,WRITTEN,RECEIVED,SENT,FILES'.split(',');

function lines(stats: readonly TaskStats[]): Words[] {
  const rows = stats.map((each): Words[] => [
    each.task,
    each.cpuPercent === null ? '-' : `${each.cpuPercent.toFixed(1)} %`,
    showBytes(each.memoryBytes),
    bytesOr(each.memoryLimitBytes),
    String(each.processes),
    ...[each.readBytes, each.writtenBytes, each.receivedBytes, each.sentBytes].map(bytesOr),
    showBytes(each.filesBytes),
  ]);
  return table([TITLES.map((title) => paint('dim', title)), ...rows]);
}

const bytesOr = (bytes: number | null): string => (bytes === null ? '-' : showBytes(bytes));
