/**
 * Live directories against native staging and other file systems in user space, all in one run on
 * one machine: only ratios within a row mean anything. As root also with kernel passthrough;
 * `--user` mounts and works as nobody. `--rounds N` (3), `--files N` (10000), `--megabytes N` (256).
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { markdown, median, type Row } from './live/table.ts';
import { type Target, Targets } from './live/targets.ts';

const NOBODY = 65534;
const { values } = parseArgs({
  options: {
    user: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    files: { type: 'string', default: '10000' },
    megabytes: { type: 'string', default: '256' },
  },
});
const rounds = Number(values.rounds);
const files = Number(values.files);
const bytes = Number(values.megabytes) * 2 ** 20;
const uid = values.user ? NOBODY : undefined;

/** What is measured, in an order in which each finds what the one before left. */
const workloads = [
  { name: `create ${files}`, run: 'create', number: files, unit: 'µs a file', per: files },
  { name: `stat ${files}`, run: 'stat', number: files, unit: 'µs a file', per: files },
  {
    name: `list ${files} with attributes`,
    run: 'list',
    number: files,
    unit: 'µs a file',
    per: files,
  },
  { name: `unlink ${files}`, run: 'unlink', number: files, unit: 'µs a file', per: files },
  { name: `${files} missing names`, run: 'missing', number: files, unit: 'µs a name', per: files },
  { name: 'write', run: 'write', number: bytes, unit: 'µs a MiB', per: bytes / 2 ** 20 },
  { name: 'read', run: 'read', number: bytes, unit: 'µs a MiB', per: bytes / 2 ** 20 },
  { name: 'read again', run: 'read', number: bytes, unit: 'µs a MiB', per: bytes / 2 ** 20 },
  {
    name: 'write by 4 KiB',
    run: 'write4k',
    number: bytes / 4,
    unit: 'µs a write',
    per: bytes / 4 / 4096,
  },
] as const;
type Workload = (typeof workloads)[number];

const work = mkdtempSync(join(tmpdir(), 'taskfs-bench-'));
chmodSync(work, 0o755);
const program = join(work, 'workload');
const source = join(import.meta.dirname, 'live', 'workload.c');
const targets = new Targets(work, uid);

/** Seconds that a workload took in a target. */
function measure({ directory }: Target, { run, number }: Workload): number {
  const as = uid === undefined ? {} : { uid, gid: uid };
  const args = [directory, run, String(number)];
  return Number(execFileSync(program, args, { encoding: 'utf8', cwd: '/', ...as }));
}

function resident({ server }: Target): number | undefined {
  if (!server) return undefined;
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

async function openAll(): Promise<Target[]> {
  const example = await targets.libfuseExample();
  return [
    targets.native(),
    ...(uid === undefined ? [await targets.taskfs('passthrough', 'kernel', true)] : []),
    await targets.taskfs('kernel', 'kernel', false),
    await targets.taskfs('libfuse', 'libfuse', false),
    await targets.bindfs(),
    ...(example ? [example] : []),
  ];
}

function rowsOf(all: readonly Target[]): Row[] {
  const figures = workloads.map(() => all.map((): number[] => []));
  // Targets take turns within a round, so that what else the machine does hits all of them.
  for (let round = 0; round < rounds; round++) {
    workloads.forEach((workload, w) => {
      all.forEach((target, t) => {
        figures[w]?.[t]?.push(measure(target, workload));
      });
    });
  }
  return workloads.map(({ name, unit, per }, w) => ({
    name: `${name} (${unit})`,
    values: all.map((_, t) => (median(figures[w]?.[t] ?? []) * 1e6) / per),
  }));
}

try {
  execFileSync('cc', ['-O2', '-o', program, source]);
  const all = await openAll();
  const rows = rowsOf(all);
  const memory = { name: 'server memory afterwards (MiB)', values: all.map(resident) };
  process.stdout.write(
    `${markdown(
      all.map(({ name }) => name),
      [...rows, memory],
    )}\n`,
  );
} finally {
  targets.closeAll();
  rmSync(work, { recursive: true, force: true });
}
