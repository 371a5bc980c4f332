/**
 * What verbs cost in a store of 5,000 sealed tasks, beside the same in a store of one: processor
 * time and time, the median of rounds that take turns. Fails where a limit is not held.
 *   scripts/bench store [--tasks N] [--rounds N]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../src/store/index.ts';
import { median } from './live/table.ts';
import { optionsOf } from './options.ts';
import { copySealedTask } from './store/sealed-tasks.ts';

/** What users install: scripts/setup builds it. */
const cli = join(import.meta.dirname, '../dist/main.js');

const values = optionsOf({
  tasks: { type: 'string', default: '5000' },
  rounds: { type: 'string', default: '7' },
});
const [tasks, rounds] = [Number(values.tasks), Number(values.rounds)];

interface Row {
  readonly verb: readonly string[];
  /** The most processor time, or time, in milliseconds. */
  readonly limit: { readonly cpu?: number; readonly real?: number };
}

const rows: readonly Row[] = [
  { verb: ['ps'], limit: {} },
  { verb: ['ps', '-a'], limit: { cpu: 300 } },
  { verb: ['ps', '-a', '--json'], limit: { cpu: 300 } },
  { verb: ['verify'], limit: { real: 3000 } },
];

interface Cost {
  readonly cpu: number;
  readonly real: number;
}

const work = mkdtempSync(join(tmpdir(), 'taskfs-bench-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

/** What one call costs, children included, in milliseconds: bash's `time` tells of a child. */
function costOf(store: string, verb: readonly string[]): Cost {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" >/dev/null 2>&1';
  const words = ['-c', `{ ${script}; } 2>"$0"`, join(work, 'time'), process.execPath, cli];
  execFileSync('bash', [...words, ...verb, '--store', store]);
  const text = readFileSync(join(work, 'time'), 'utf8');
  const [real = Number.NaN, user = Number.NaN, system = Number.NaN] = text.split(' ').map(Number);
  return { real: real * 1000, cpu: (user + system) * 1000 };
}

function makeStore(name: string, count: number): string {
  const path = join(work, name);
  const script = 'echo printed; echo text >"$TASKFS_ARTIFACTS/file"';
  const run = ['run', '--store', path, '--name', 'task', '--', 'sh', '-c', script];
  execFileSync(process.execPath, [cli, ...run], { stdio: 'ignore' });
  copySealedTask(openStore(path), 'task', count);
  return path;
}

const medianCost = (costs: readonly Cost[]): Cost => ({
  cpu: median(costs.map(({ cpu }) => cpu)),
  real: median(costs.map(({ real }) => real)),
});

const stores = [makeStore('one', 1), makeStore('many', tasks)];
const costs = rows.map(() => stores.map((): Cost[] => []));
for (let round = 0; round < rounds; round++) {
  for (const [row, { verb }] of rows.entries()) {
    for (const [at, store] of stores.entries()) costs[row]?.[at]?.push(costOf(store, verb));
  }
}

const show = (ms: number): string => ms.toFixed(0).padStart(6);
let isWithin = true;
const print = (line: string): boolean => process.stdout.write(`${line}\n`);
print(`milliseconds of processor time (and of time), 1 task and ${tasks}:`);
for (const [row, { verb, limit }] of rows.entries()) {
  const [one, many] = (costs[row] ?? []).map(medianCost);
  if (!one || !many) continue;
  const { cpu = Number.POSITIVE_INFINITY, real = Number.POSITIVE_INFINITY } = limit;
  const holds = many.cpu <= cpu && many.real <= real;
  isWithin &&= holds;
  const most = limit.cpu ? `at most ${cpu}` : limit.real ? `at most (${real})` : '';
  const figures = [one, many].map((each) => `${show(each.cpu)} (${show(each.real).trim()})`);
  print(`${verb.join(' ').padEnd(14)} ${figures.join('  ')}  ${most}${holds ? '' : ': not held'}`);
}
process.exitCode = isWithin ? 0 : 1;
