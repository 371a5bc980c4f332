/**
 * `scripts/bench archive`: sealing beside tar | age and gocryptfs, then reading through a mount
 * beside the plain trees and gocryptfs, all on the same disk; with dropped caches only as root.
 * What seals is bundled as the package is. `scripts/bench archive seal` and `… read` do one of
 * them, `… memory` measures the highest memory of very large seals, from the sources too. Sizes:
 * TASKFS_BENCH_MIB (default 1024; sealing 2048, memory 8192) and TASKFS_BENCH_FILES (default 20000;
 * listings are also measured over five times as many).
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createKeys,
  createRecord,
  createStore,
  newRecord,
  type Store,
  type TaskName,
  taskPaths,
} from '../src/store/index.ts';
import { AT, removeTree } from '../src/sys/index.ts';
import { bundle } from './archive/bundle.ts';
import { benchReading } from './archive/reading.ts';
import { benchMemory, benchSealing, PROGRAM } from './archive/sealing.ts';
import { header, type Row, rowLine } from './live/table.ts';

const count = Number(process.env.TASKFS_BENCH_FILES ?? 20_000);
const mibOr = (fallback: number): number => Number(process.env.TASKFS_BENCH_MIB ?? fallback);
const ROUNDS = 3;

/** A task that has ended and waits to be sealed; returns its staging directory. */
function newTask(store: Store, name: string): string {
  const task = name as TaskName;
  const paths = taskPaths(store, task);
  mkdirSync(paths.directory);
  mkdirSync(paths.staging, { mode: 0o700 });
  const spec = { command: ['bench'], cwd: null, engine: 'process', image: null, env: [] };
  const rest = { timeoutMs: null, retries: 0, maxRunning: null, options: {} };
  const ended = { status: 'completed', artifacts: 'sealing' } as const;
  createRecord(paths.record, { ...newRecord(task, { ...spec, ...rest }), ...ended });
  return paths.staging;
}

async function newStore(name: string): Promise<Store> {
  const store = createStore(join(directory, name));
  await createKeys(store);
  return store;
}

function print({ columns, rows }: { columns: readonly string[]; rows: readonly Row[] }): void {
  process.stdout.write(`${[...header(columns), ...rows.map(rowLine)].join('\n')}\n\n`);
}

const directory = mkdtempSync(join(process.env.TASKFS_BENCH_DIR ?? tmpdir(), 'taskfs-bench-'));
const [, , only] = process.argv;
try {
  if (only === undefined || only === 'seal') {
    const store = await newStore('sealing');
    const sizes = { mib: mibOr(2048), files: count, rounds: ROUNDS };
    const program = await bundle(PROGRAM, directory);
    print(benchSealing(program, directory, store, (name) => newTask(store, name), sizes));
  }
  if (only === 'memory') {
    const store = await newStore('memory');
    const program = await bundle(PROGRAM, directory);
    print(benchMemory(program, store, (name) => newTask(store, name), mibOr(8192)));
  }
  if ((only === undefined || only === 'read') && process.getuid?.() === 0) {
    const store = await newStore('reading');
    const sizes = { mib: mibOr(1024), files: count, rounds: ROUNDS };
    print(await benchReading(directory, store, (name) => newTask(store, name), sizes));
  }
} finally {
  removeTree(AT.FDCWD, directory);
}
