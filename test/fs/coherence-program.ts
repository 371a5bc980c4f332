/**
 * Drives random operations from both sides of a live directory, staging and the mount, and the
 * same ones on a plain reference directory; after each, what the mount shows must equal the
 * reference. Arguments: staging, live and reference directory, runs, seed. Ends with fast-check's
 * report where they differ.
 */
import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';

const [staging, live, reference, runs, seed] = process.argv.slice(2);
if (!staging || !live || !reference) throw new Error('usage: STAGING LIVE REFERENCE RUNS SEED');

type Side = 'staging' | 'mount';
type Act = (root: string) => void;
interface Step {
  readonly side: Side;
  readonly say: string;
  readonly act: Act;
}
/** A file held open from now on: on the mount, and on the reference. */
type Held = readonly [number, number];

const path = fc.constantFrom('a', 'b', 'c', 'd', 'd/a', 'd/b', 'e', 'e/a', 'd/f', 'd/f/a');
const content = fc.string({ maxLength: 40 });

const action: fc.Arbitrary<{ say: string; act: Act }> = fc.oneof(
  fc
    .tuple(path, content)
    .map(([p, text]) => on(`write ${p}`, (r) => writeFileSync(join(r, p), text))),
  fc
    .tuple(path, content)
    .map(([p, text]) => on(`append ${p}`, (r) => appendFileSync(join(r, p), text))),
  fc
    .tuple(path, fc.nat(60))
    .map(([p, to]) => on(`cut ${p} ${to}`, (r) => truncateSync(join(r, p), to))),
  path.map((p) => on(`mkdir ${p}`, (r) => mkdirSync(join(r, p)))),
  path.map((p) => on(`rmdir ${p}`, (r) => rmdirSync(join(r, p)))),
  path.map((p) => on(`unlink ${p}`, (r) => unlinkSync(join(r, p)))),
  fc
    .tuple(path, path)
    .map(([p, q]) => on(`rename ${p} ${q}`, (r) => renameSync(join(r, p), join(r, q)))),
  fc
    .tuple(path, path)
    .map(([p, q]) => on(`link ${p} ${q}`, (r) => linkSync(join(r, p), join(r, q)))),
  fc.tuple(path, path).map(([p, q]) => on(`symlink ${p}`, (r) => symlinkSync(q, join(r, p)))),
  fc
    .tuple(path, fc.constantFrom(0o700, 0o744, 0o755))
    .map(([p, mode]) => on(`chmod ${p}`, (r) => chmodSync(join(r, p), mode))),
);
const on = (say: string, act: Act) => ({ say, act });
const step: fc.Arbitrary<Step> = fc
  .tuple(fc.constantFrom<Side>('staging', 'mount'), action)
  .map(([side, { say, act }]) => ({ side, say: `${side}: ${say}`, act, toString: () => say }));
const plan = fc.array(fc.tuple(step, fc.boolean(), path), { minLength: 1, maxLength: 40 });

fc.assert(
  fc.property(plan, (steps) => {
    for (const root of [staging, reference]) empty(root);
    const held: Held[] = [];
    const said: string[] = [];
    try {
      for (const [{ side, say, act }, hold, where] of steps) {
        said.push(say);
        same(outcome(act, side === 'mount' ? live : staging), outcome(act, reference), said);
        same(snapshot(live), snapshot(reference), said);
        for (const [shown, meant] of held) same(readAll(shown), readAll(meant), said);
        if (hold) held.push(...openBoth(where));
      }
    } finally {
      for (const fd of held.flat()) closeSync(fd);
    }
  }),
  { numRuns: Number(runs), seed: Number(seed) },
);
process.stdout.write('equal');

function same(shown: unknown, meant: unknown, said: readonly string[]): void {
  const [one, two] = [JSON.stringify(shown), JSON.stringify(meant)];
  if (one !== two) throw new Error(`shown ${one}\nmeant ${two}\nafter ${said.join('; ')}`);
}

function outcome(act: Act, root: string): string {
  try {
    act(root);
    return 'done';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function snapshot(root: string, below = ''): unknown[] {
  return readdirSync(join(root, below))
    .sort()
    .map((name) => {
      const at = join(below, name);
      const full = join(root, at);
      const { mode, nlink, size } = lstatSync(full);
      const stat = lstatSync(full);
      if (stat.isDirectory()) return [at, mode, snapshot(root, at)];
      if (stat.isSymbolicLink()) return [at, readlinkSync(full)];
      return [at, mode, nlink, size, readFileSync(full, 'utf8')];
    });
}

function openBoth(where: string): Held[] {
  const paths = [live, reference].map((root) => join(root ?? '', where));
  try {
    if (!paths.every((full) => lstatSync(full).isFile())) return [];
  } catch {
    return [];
  }
  const [shown, meant] = paths.map((full) => openSync(full, 'r'));
  return shown !== undefined && meant !== undefined ? [[shown, meant]] : [];
}

function readAll(fd: number): string {
  const buffer = Buffer.alloc(4096);
  return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0));
}

function empty(root: string): void {
  for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, force: true });
}
