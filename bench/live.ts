/**
 * Live directories against native staging and bindfs, all in one run on one machine: only ratios
 * within a row mean anything, and the last lines say which bars they meet. All lies in TMPDIR: a
 * file system in memory shows what is lost above staging, a disk what of it is felt, and only on a
 * disk are pages kept. As root also with staging attached; `--user` mounts and works as nobody;
 * `--one-processor` gives all the same processor, `--busy-neighbour` one of them to a loop.
 * `--peers` measures our libfuse driver and libfuse's low-level example as well, `--hp FILE` its
 * passthrough_hp.cc. `--rounds N` (5), `--files N` (2000), `--megabytes N` (64), `--tree N` (3000
 * files for git, rg and grep; 0: none).
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { barLines } from './live/bars.ts';
import { enter, type Situation } from './live/situation.ts';
import { header, median, type Row, rowLine } from './live/table.ts';
import { type Target, Targets } from './live/targets.ts';
import { makeTree, programs, REST_MS, timeWarm } from './live/tree.ts';
import { optionsOf } from './options.ts';

const NOBODY = 65534;
const values = optionsOf({
  user: { type: 'boolean', default: false },
  'one-processor': { type: 'boolean', default: false },
  'busy-neighbour': { type: 'boolean', default: false },
  peers: { type: 'boolean', default: false },
  rounds: { type: 'string', default: '5' },
  files: { type: 'string', default: '2000' },
  megabytes: { type: 'string', default: '64' },
  tree: { type: 'string', default: '3000' },
  hp: { type: 'string' },
});
const rounds = Number(values.rounds);
const files = Number(values.files);
const bytes = Number(values.megabytes) * 2 ** 20;
const treeFiles = Number(values.tree);
const situation: Situation = values['one-processor']
  ? 'one-processor'
  : values['busy-neighbour']
    ? 'busy-neighbour'
    : 'free';
const uid = values.user ? NOBODY : undefined;
const as = uid === undefined ? undefined : { uid, gid: uid };

interface Workload {
  readonly name: string;
  readonly run: string;
  readonly number: number;
  /** By how many its time is divided, and what the row then says. */
  readonly per: number;
  readonly unit: string;
}

const ofFiles = (name: string, run: string, unit = 'µs a file'): Workload => ({
  name,
  run,
  number: files,
  per: files,
  unit,
});

const ofBytes = (name: string, run: string): Workload => ({
  name,
  run,
  number: bytes,
  per: bytes / 2 ** 20,
  unit: 'µs a MiB',
});

const small = bytes / 4;

/**
 * What is measured. Each part is done in one go in each target; a round of it goes through all
 * targets, so that what else the machine does hits all of them.
 */
const parts: readonly { readonly directory: string; readonly workloads: readonly Workload[] }[] = [
  {
    directory: 'many',
    workloads: [
      ofFiles(`create ${files}`, 'create'),
      ofFiles(`stat ${files}`, 'stat'),
      ofFiles(`list ${files} with attributes`, 'list'),
      ofFiles(`${files} missing names`, 'missing', 'µs a name'),
      ofFiles(`unlink ${files}`, 'unlink'),
    ],
  },
  { directory: 'content', workloads: [ofBytes('write', 'write')] },
  { directory: 'content', workloads: [ofBytes('read', 'read'), ofBytes('read again', 'read')] },
  {
    directory: 'content',
    workloads: [
      {
        name: 'write by 4 KiB',
        run: 'write4k',
        number: small,
        per: small / 4096,
        unit: 'µs a write',
      },
    ],
  },
];

const work = mkdtempSync(join(tmpdir(), 'taskfs-bench-'));
chmodSync(work, 0o755);
const program = join(work, 'workload');
const source = join(import.meta.dirname, 'live', 'workload.c');
const targets = new Targets(work, uid);

/** Seconds that a workload took in a directory of a target. */
function measure({ directory }: Target, below: string, { run, number }: Workload): number {
  const args = [join(directory, below), run, String(number)];
  return Number(execFileSync(program, args, { encoding: 'utf8', cwd: '/', ...as }));
}

function resident({ pid }: Target): number | undefined {
  if (pid === undefined) return undefined;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

async function openAll(): Promise<Target[]> {
  const lowLevel = values.peers ? await targets.lowLevelExample() : undefined;
  return [
    targets.native(),
    ...(uid === undefined ? [targets.taskfs('attach', 'kernel', 'attach')] : []),
    targets.taskfs('kernel', 'kernel', 'fuse'),
    ...(values.peers ? [targets.taskfs('libfuse', 'libfuse', 'fuse')] : []),
    await targets.bindfs(),
    ...(lowLevel ? [lowLevel] : []),
    ...(values.hp
      ? [
          await targets.highPerformanceExample(values.hp, 'passthrough_hp', []),
          await targets.highPerformanceExample(values.hp, 'passthrough_hp-nocache', ['--nocache']),
        ]
      : []),
  ];
}

/** One row: the median of what each target took. */
const rowOf = (name: string, figures: readonly (readonly number[])[], scale: number): Row => ({
  name,
  values: figures.map((column) => median(column) * scale),
});

function* workloadRows(all: readonly Target[]): Generator<Row> {
  for (const { directory, workloads } of parts) {
    const figures = workloads.map(() => all.map((): number[] => []));
    // What was just written is asked about at each reading; what is at rest is not.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, REST_MS);
    for (let round = 0; round < rounds; round++) {
      all.forEach((target, t) => {
        workloads.forEach((workload, w) => {
          figures[w]?.[t]?.push(measure(target, `${directory}-${round}`, workload));
        });
      });
    }
    yield* workloads.map(({ name, unit, per }, w) =>
      rowOf(`${name} (${unit})`, figures[w] ?? [], 1e6 / per),
    );
  }
}

/**
 * Libfuse's C++ example keeps a descriptor of each of the 20,000 files, and our libfuse driver
 * takes minutes.
 */
const hasTree = ({ name }: Target): boolean => !/^(libfuse|passthrough_hp)/.test(name);

function* treeRows(all: readonly Target[]): Generator<Row> {
  if (treeFiles === 0) return;
  const measured = all.filter(hasTree);
  for (const { beneath } of measured) makeTree(beneath, treeFiles, as);
  for (const { name, command } of programs) {
    const figures = timeWarm(
      measured.map(({ directory }) => directory),
      as,
      command,
      rounds,
    );
    const columns = all.map((target) => figures[measured.indexOf(target)] ?? []);
    yield rowOf(`${name}, ${treeFiles} files, warm (ms)`, columns, 1e3);
  }
}

const leave = enter(situation);
try {
  execFileSync('cc', ['-O2', '-o', program, source]);
  const all = await openAll();
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const memory = (): Row => ({ name: 'server memory afterwards (MiB)', values: all.map(resident) });
  const columns = all.map(({ name }) => name);
  const rows: Row[] = [];
  for (const line of header(columns)) print(line);
  for (const measured of [workloadRows(all), treeRows(all)]) {
    for (const row of measured) {
      print(rowLine(row));
      rows.push(row);
    }
  }
  print(rowLine(memory()));
  print('');
  for (const line of barLines(columns, rows, situation)) print(line);
} finally {
  leave();
  targets.closeAll();
  rmSync(work, { recursive: true, force: true });
}
