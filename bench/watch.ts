/**
 * What watching costs: the time from a change to its event, the refresh of a tree, and the CPU,
 * memory and descriptors of a watcher over 30,000 files while a log grows.
 *   node bench/watch.ts [SECONDS]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createRecord,
  createStore,
  newRecord,
  parseTaskName,
  type Store,
  taskPaths,
} from '../src/store/index.ts';
import { AT, removeTree } from '../src/sys/index.ts';
import type { WatchEvent } from '../src/watch/event.ts';

const FILES = 30_000;
const DIRECTORIES = 100;
const seconds = Number(process.argv[2] ?? 20);
const program = join(import.meta.dirname, '..', 'test', 'support', 'watch-program.ts');

function makeTask(store: Store): string {
  const task = parseTaskName('bench');
  const paths = taskPaths(store, task);
  mkdirSync(paths.directory);
  mkdirSync(paths.staging);
  for (let d = 0; d < DIRECTORIES; d++) mkdirSync(join(paths.staging, `d${d}`));
  for (let i = 0; i < FILES; i++)
    writeFileSync(join(paths.staging, `d${i % DIRECTORIES}`, `${i}`), 'x');
  const spec = { command: ['true'], cwd: '/', engine: 'process', image: null, env: [] };
  createRecord(
    paths.record,
    newRecord(task, { ...spec, timeoutMs: null, retries: 0, maxRunning: null, options: {} }),
  );
  return paths.staging;
}

/** CPU seconds of a process until now, from /proc/PID/stat (fields 14 and 15, in 1/100 s). */
function cpuOf(child: ChildProcess): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memoryOf(child: ChildProcess): number {
  return (
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
  );
}

const descriptorsOf = (child: ChildProcess): number => readdirSync(`/proc/${child.pid}/fd`).length;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const directory = mkdtempSync(join(tmpdir(), 'taskfs-'));
const store = createStore(join(directory, 'store'));
const staging = makeTask(store);
const begin = performance.now();
const watcher = spawn(process.execPath, [program, store.path, 'bench'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const seen = new Map<string, number>();
const ready = new Promise<void>((resolve) => {
  createInterface(watcher.stdout).on('line', (line) => {
    const event = JSON.parse(line) as WatchEvent;
    if (event.type === 'ready') resolve();
    if (event.type === 'change') seen.set(`${event.path} ${event.size}`, performance.now());
  });
});
await ready;
say(
  `${FILES} files told and ready after ${Math.round(performance.now() - begin)} ms ` +
    'from the start of the process',
);

const cpuBefore = cpuOf(watcher);
const descriptorsBefore = descriptorsOf(watcher);
const memoryBefore = memoryOf(watcher);
const delays: number[] = [];
const log = join(staging, 'd7', '7');
const from = performance.now();
for (let size = 1; performance.now() - from < seconds * 1000; ) {
  appendFileSync(log, 'y');
  size += 1;
  const written = performance.now();
  while (!seen.has(`d7/7 ${size}`) && performance.now() - written < 5_000) await sleep(2);
  delays.push((seen.get(`d7/7 ${size}`) ?? Number.POSITIVE_INFINITY) - written);
  await sleep(100);
}
delays.sort((a, b) => a - b);
const share = (cpuOf(watcher) - cpuBefore) / ((performance.now() - from) / 1000);
say(
  `change to event: median ${Math.round(delays[delays.length >> 1] ?? 0)} ms, longest ` +
    `${Math.round(delays.at(-1) ?? 0)} ms (500 of them the debounce)`,
);
say(`CPU while a log grows: ${(share * 100).toFixed(1)} % of a core`);
say(
  `memory: ${memoryBefore.toFixed(0)} MiB, then ${memoryOf(watcher).toFixed(0)} MiB; ` +
    `descriptors: ${descriptorsBefore}, then ${descriptorsOf(watcher)}`,
);
watcher.kill();
await once(watcher, 'close');
removeTree(AT.FDCWD, directory);
