/**
 * Live directories against native staging and other file systems in user space, all in one run on
 * one machine: only ratios within a row mean anything. All lies in TMPDIR: a file system in memory
 * shows what is lost above staging, a disk what of it is felt. `--user` mounts and works as nobody.
 * Run by `taskset -c 0` all share one processor,
 * so that nobody waits for another to wake up. `--rounds N` (3), `--files N` (10000), `--megabytes
 * N` (256), `--tree N` (20000 files for git and rg; 0: none), `--hp FILE` (the passthrough_hp.cc
 * of libfuse).
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { header, median, type Row, rowLine } from './live/table.ts';
import { type Target, Targets } from './live/targets.ts';
import { makeTree, programs, REST_MS, timeWarm } from './live/tree.ts';

const NOBODY = 65534;
const { values } = parseArgs({
  options: {
    user: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    files: { type: 'string', default: '10000' },
    megabytes: { type: 'string', default: '256' },
    tree: { type: 'string', default: '20000' },
    hp: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const files = Number(values.files);
const bytes = Number(values.megabytes) * 2 ** 20;
const treeFiles = Number(values.tree);
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
  const lowLevel = await targets.lowLevelExample();
  return [
    targets.native(),
    targets.taskfs('kernel'),
    targets.taskfs('libfuse'),
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

try {
  execFileSync('cc', ['-O2', '-o', program, source]);
  const all = await openAll();
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const memory = (): Row => ({ name: 'server memory afterwards (MiB)', values: all.map(resident) });
  for (const line of header(all.map(({ name }) => name))) print(line);
  for (const row of workloadRows(all)) print(rowLine(row));
  for (const row of treeRows(all)) print(rowLine(row));
  print(rowLine(memory()));
} finally {
  targets.closeAll();
  rmSync(work, { recursive: true, force: true });
}
