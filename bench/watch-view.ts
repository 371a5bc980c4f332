/**
 * What the terminal view of `taskfs watch` costs, with 5,000 tasks and a task of 10,000 files: the
 * time of a frame after a key, and the CPU of a real `taskfs watch` while 100 files a second
 * change.
 *   node bench/watch-view.ts [SECONDS]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WriteStream } from 'node:tty';
import {
  createRecord,
  createStore,
  newRecord,
  parseTaskName,
  replaceRecord,
  type Store,
  taskPaths,
} from '../src/store/index.ts';
import { AT, removeTree } from '../src/sys/index.ts';
import { type Input, Screen } from '../src/terminal/index.ts';
import { View } from '../src/tui/view.ts';

const TASKS = 5_000;
const FILES = 10_000;
const CHANGES_A_SECOND = 100;
const COLUMNS = 160;
const ROWS = 50;
const FRAMES = 100;
const seconds = Number(process.argv[2] ?? 10);
const launcher = join(import.meta.dirname, '..', 'scripts', 'taskfs');

function makeTasks(store: Store): string {
  const spec = { command: ['true'], cwd: '/', engine: 'process', image: null, env: [] };
  const limits = { timeoutMs: null, retries: 0, maxRunning: null, options: {} };
  for (let i = 0; i < TASKS; i++) {
    const task = parseTaskName(`task-${i}`);
    const paths = taskPaths(store, task);
    mkdirSync(paths.directory);
    const at = new Date(Date.UTC(2026, 0, 1) + i * 1000);
    const queued = newRecord(task, { ...spec, ...limits }, at);
    createRecord(paths.record, queued);
    const running = replaceRecord(paths.record, queued, { status: 'running' });
    if (i === TASKS - 1) continue;
    const ended = { status: 'completed', artifacts: 'sealing' } as const;
    const sealing = replaceRecord(paths.record, running, ended);
    replaceRecord(paths.record, sealing, { artifacts: 'sealed' });
  }
  const { staging } = taskPaths(store, parseTaskName(`task-${TASKS - 1}`));
  mkdirSync(staging);
  for (let d = 0; d < 100; d++) mkdirSync(join(staging, `d${d}`));
  for (let i = 0; i < FILES; i++) writeFileSync(fileOf(staging, i), 'x');
  return staging;
}

const fileOf = (staging: string, i: number): string => join(staging, `d${i % 100}`, `file-${i}`);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** A terminal that takes everything. */
class Nowhere extends Writable {
  readonly columns = COLUMNS;
  readonly rows = ROWS;
  bytes = 0;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.bytes += chunk.length;
    done();
  }
}

/** Presses keys in a view of this process, and says how long the frames took. */
async function measureFrames(store: Store): Promise<void> {
  const output = new Nowhere();
  using screen = new Screen(output as unknown as WriteStream);
  const refuse = async (): Promise<never> => {
    throw new Error('a bench opens nothing');
  };
  using view = new View({
    store,
    only: undefined,
    findIdentities: async () => [],
    screen,
    capabilities: { charset: 'unicode', palette: '256' },
    programs: { edit: refuse, open: refuse, locate: refuse },
    handOver: (run) => run(),
    suspend: () => {},
  });
  const began = performance.now();
  await view.refresh();
  view.draw();
  say(`first frame, ${TASKS} tasks read: ${Math.round(performance.now() - began)} ms`);
  // Until the files are there.
  for (let waited = 0; waited < 50; waited++) {
    await sleep(100);
    await view.refresh();
  }
  for (const [pane, first] of [
    ['tasks', 'end'],
    ['files', 'tab'],
  ] as const) {
    if (pane === 'files') view.take({ type: 'key', key: 'home' });
    await sleep(1_000);
    view.take({ type: 'key', key: first });
    const times: number[] = [];
    output.bytes = 0;
    const before = process.cpuUsage();
    for (let i = 0; i < FRAMES; i++) {
      const input: Input = { type: 'key', key: pane === 'tasks' ? 'page-up' : 'page-down' };
      const start = performance.now();
      view.take(input);
      times.push(performance.now() - start);
      await new Promise(setImmediate);
    }
    const { user, system } = process.cpuUsage(before);
    times.sort((a, b) => a - b);
    const median = times[times.length >> 1] ?? Number.NaN;
    const cpu = (user + system) / 1000 / FRAMES;
    say(
      `a frame, all lines of ${pane} changed: median ${median.toFixed(1)} ms, ` +
        `${cpu.toFixed(1)} ms of ` +
        `CPU (bar: 16 ms); ${Math.round(output.bytes / FRAMES)} bytes`,
    );
  }
  await refreshCost(view);
}

async function refreshCost(view: View): Promise<void> {
  const before = process.cpuUsage();
  const times = 20;
  for (let i = 0; i < times; i++) await view.refresh();
  const { user, system } = process.cpuUsage(before);
  say(
    'a look at all records, twice a second: ' +
      `${((user + system) / 1000 / times).toFixed(1)} ms of CPU`,
  );
}

/** CPU seconds of a process until now, from /proc/PID/stat (fields 14 and 15, in 1/100 s). */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** The view as a person has it, in a terminal of its own. */
async function measureCpu(store: Store, staging: string): Promise<void> {
  const command = `stty cols ${COLUMNS} rows ${ROWS}; exec '${launcher}' watch`;
  const env = { ...process.env, TASKFS_STORE: store.path, TERM: 'xterm-256color' };
  const terminal = spawn('script', ['-qfec', command, '/dev/null'], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let bytes = 0;
  terminal.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await sleep(8_000);
  const pid = programIn(terminal);
  const quiet = await share(pid, seconds, () => {});
  bytes = 0;
  let next = 0;
  const busy = await share(pid, seconds, () => {
    for (let i = 0; i < CHANGES_A_SECOND / 10; i++, next++)
      appendFileSync(fileOf(staging, (next * 37) % FILES), 'y');
  });
  say(`CPU of taskfs watch, nothing changes: ${percent(quiet)} of a core`);
  say(
    `the same, ${CHANGES_A_SECOND} files a second change: ${percent(busy)} (bar: 5 %); ` +
      `${Math.round(bytes / seconds / 1024)} KiB a second to the terminal`,
  );
  terminal.stdin.write('q');
  await new Promise((resolve) => terminal.once('close', resolve));
}

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

function programIn({ pid }: ChildProcess): number {
  return Number(execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).split('\n')[0]);
}

/** Its share of a core while something is done ten times a second. */
async function share(pid: number, duration: number, work: () => void): Promise<number> {
  const before = cpuOf(pid);
  const from = performance.now();
  while (performance.now() - from < duration * 1000) {
    work();
    await sleep(100);
  }
  return (cpuOf(pid) - before) / ((performance.now() - from) / 1000);
}

const directory = mkdtempSync(join(tmpdir(), 'taskfs-'));
try {
  const store = createStore(join(directory, 'store'));
  const staging = makeTasks(store);
  await measureFrames(store);
  await measureCpu(store, staging);
} finally {
  removeTree(AT.FDCWD, directory);
}
