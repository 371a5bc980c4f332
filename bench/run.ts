/**
 * How long a task takes from the start of `taskfs run` to its sealed archive, beside what the same
 * command costs without taskfs. Prints a table, and with --json one object; fails where a limit of
 * the design is not held. The container part needs an engine: `scripts/with-engine node
 * bench/run.ts`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './live/table.ts';

const root = join(import.meta.dirname, '..');
/** What users install; the checkout strips the types of its main module at each start besides. */
const cli = join(root, 'dist', 'main.js');
const image = process.env.TASKFS_TEST_IMAGE;

/** A figure, and how many times a base figure it may be, or how many milliseconds. */
interface Figure {
  readonly what: string;
  readonly ms: number;
  readonly baseMs: number | null;
  readonly limit: number;
}

const work = mkdtempSync(join(tmpdir(), 'taskfs-bench-'));
const env = { ...process.env, TASKFS_STORE: join(work, 'store') };
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

const taskfs = (...args: string[]): Promise<void> => run(process.execPath, [cli, ...args]);
const docker = (...args: string[]): Promise<void> => run('docker', args);

function run(file: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let words = '';
    child.stderr.on('data', (chunk) => {
      words += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${file} ${args.join(' ')} ended with ${code}: ${words}`));
    });
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * The median times of works that take turns, so that a busy moment of the machine hits all of them.
 */
async function medians(
  rounds: number,
  works: readonly (() => Promise<unknown>)[],
): Promise<number[]> {
  const times: number[][] = works.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, work] of works.entries()) {
      const ms = await timed(work);
      // The first round warms caches up.
      if (round > 0) times[index]?.push(ms);
    }
  }
  return times.map(median);
}

const all = (count: number, work: () => Promise<void>): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, work));

async function processFigures(): Promise<Figure[]> {
  const [ms = 0, baseMs = 0] = await medians(15, [
    () => taskfs('run', '--', 'true'),
    () => run(process.execPath, ['-e', '0']),
  ]);
  const one = { what: 'run -- true, to sealed', ms, baseMs: null, limit: 300 };
  return [one, { what: '(node alone)', ms: baseMs, baseMs: null, limit: Number.POSITIVE_INFINITY }];
}

async function containerFigures(name: string): Promise<Figure[]> {
  const ours = (): Promise<void> => taskfs('run', '--image', name, '--', 'true');
  const plain = (): Promise<void> => docker('run', '--rm', name, 'true');
  const [ms = 0, baseMs = 0] = await medians(7, [ours, plain]);
  const [many = 0, manyPlain = 0] = await medians(3, [() => all(50, ours), () => all(50, plain)]);
  return [
    { what: 'run --image busybox -- true, to sealed', ms, baseMs, limit: 1.5 },
    { what: '50 of them at once', ms: many, baseMs: manyPlain, limit: 1.5 },
  ];
}

const isHeld = ({ ms, baseMs, limit }: Figure): boolean => ms <= limit * (baseMs ?? 1);

function describe(figure: Figure): string {
  const { what, ms, baseMs, limit } = figure;
  const beside =
    baseMs === null ? '' : ` docker run --rm ${baseMs.toFixed(0)} ms, ${(ms / baseMs).toFixed(2)}x`;
  const bound = Number.isFinite(limit) ? ` (at most ${limit}${baseMs === null ? ' ms' : 'x'})` : '';
  const verdict = isHeld(figure) ? '' : '  MISSED';
  return `${what.padEnd(40)} ${ms.toFixed(0).padStart(6)} ms${beside}${bound}${verdict}`;
}

await run('npm', ['--prefix', root, 'run', '--silent', 'build']);
await taskfs('init');
const figures = await processFigures();
if (image) figures.push(...(await containerFigures(image)));
if (process.argv.includes('--json'))
  process.stdout.write(`${JSON.stringify({ bench: 'run', figures })}\n`);
else for (const figure of figures) process.stdout.write(`${describe(figure)}\n`);
if (!image)
  process.stderr.write('No engine: the container figures were not taken (scripts/with-engine).\n');
if (!figures.every(isHeld)) process.exitCode = 1;
