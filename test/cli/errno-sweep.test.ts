import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main, newCli } from '../support/cli.ts';

const execute = promisify(execFile);

/**
 * Refusals that a file system may give at any time: of rights, of space, of descriptors, of the
 * medium.
 */
const ERRORS = ['EACCES', 'EIO', 'ENOSPC', 'EDQUOT', 'EMFILE', 'EROFS', 'ENOMEM', 'ESTALE'];

/**
 * What each verb is called with, in a store with the tasks `a` (sealed) and `q` (recorded, not
 * run).
 */
const CALLS: readonly (readonly string[])[] = [
  ...[
    ['ps', '-a'],
    ['status', 'a'],
    ['wait', 'a'],
    ['events', 'a'],
    ['logs', 'a'],
    ['ls', '-l', 'a'],
  ],
  ...[
    ['cat', 'a', 'd/f'],
    ['path', 'a', 'd/f'],
    ['preview', 'a', 'd/f'],
    ['export', 'a', 'out'],
  ],
  ...[['verify'], ['verify', '--deep'], ['verify', 'a', 'd/f'], ['reindex', 'a'], ['recover']],
  ...[['rm', 'a'], ['prune', '--keep-last', '0'], ['doctor'], ['key', 'show'], ['key', 'rotate']],
  ...[
    ['init'],
    ['cancel', 'a'],
    ['pause', 'a'],
    ['resume', 'a'],
    ['seal', 'a'],
    ['edit', 'a', 'd/f'],
  ],
  ...[
    ['watch', 'a', '--json'],
    ['complete', '--', 'status', ''],
  ],
  ['run', '--name', 'b', '--', 'sh', '-c', 'echo hi; echo x > "$TASKFS_ARTIFACTS/x"'],
  ['run', '-d', '--name', 'b', '--', 'true'],
  ['mount', 'm'],
];

const CODES = [0, 1, 2, 3, 4, 5, 125];

/** How many calls of each verb fail in turn; all of them in the long form. */
const SAMPLE = process.env.TASKFS_LONG ? Number.POSITIVE_INFINITY : 3;
const TIMEOUT_MS = 60_000;

/** A system call of the main thread on something in the store: the nth of its name. */
interface Place {
  readonly name: string;
  readonly nth: number;
  readonly line: string;
}

describe('whatever the kernel refuses, in any verb', () => {
  it.each(CALLS.map((call) => [call.join(' '), call] as const))(
    '%s: is told in words of ours',
    async (_name, call) => {
      const places = await placesOf(call);
      expect(places.length).toBeGreaterThan(0);
      let judged = 0;
      for (const [at, place] of sampleOf(places).entries()) {
        const error = ERRORS[at % ERRORS.length] ?? 'EIO';
        const { code, stderr, trace, store } = await runWith(call, place, error);
        // A refused wake-up of a thread ends Node itself: another call was the nth this time.
        if (!trace.some((line) => line.includes('INJECTED') && line.includes(store))) continue;
        judged += 1;
        const what = `${error} at ${place.line}`;
        expect.soft(stderr, what).not.toMatch(/not expected|^ +at .*:\d+|unhandled|Uncaught/im);
        expect.soft(CODES, `${what}: ${stderr}`).toContain(code);
      }
      expect(judged).toBeGreaterThan(0);
    },
    TIMEOUT_MS * 60,
  );
});

/** A store that each run gets a copy of. */
let template: string;

beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), 'taskfs-sweep-'));
  const script = 'mkdir "$TASKFS_ARTIFACTS/d"; echo x > "$TASKFS_ARTIFACTS/d/f"; echo said';
  const args = [main, '--store', template, 'run', '--name', 'a', '--', 'sh', '-c', script];
  await execute(process.execPath, args);
});

afterAll(() => rmSync(template, { recursive: true, force: true }));

const COPY = { recursive: true, preserveTimestamps: true };
const TRACED = '%file,%desc';

/** Which calls of the main thread touch the store, in the order in which they come. */
async function placesOf(call: readonly string[]): Promise<Place[]> {
  const { trace, store } = await traced(call, []);
  const counts = new Map<string, number>();
  return trace.flatMap((line) => {
    const [, name = ''] = /^(\w+)\(/.exec(line) ?? [];
    const nth = (counts.get(name) ?? 0) + 1;
    counts.set(name, nth);
    return line.includes(store) && name !== 'close' ? [{ name, nth, line }] : [];
  });
}

/** Evenly spaced, and with another beginning for each day: in time every place is tried. */
function sampleOf(places: readonly Place[]): Place[] {
  if (places.length <= SAMPLE) return [...places];
  const step = places.length / SAMPLE;
  const offset = (Math.floor(Date.now() / 86_400_000) * 0.618) % 1;
  return Array.from(
    { length: SAMPLE },
    (_, at) => places[Math.floor((at + offset) * step)],
  ).flatMap((place) => (place ? [place] : []));
}

function runWith(call: readonly string[], { name, nth }: Place, error: string): Promise<Traced> {
  return traced(call, ['-e', `inject=${name}:error=${error}:when=${nth}`]);
}

interface Traced {
  readonly code: number | null;
  readonly stderr: string;
  /** Lines of strace(1). */
  readonly trace: readonly string[];
  readonly store: string;
}

/** Calls taskfs in a store of its own, its main thread under strace. */
async function traced(call: readonly string[], inject: readonly string[]): Promise<Traced> {
  const { base, store } = newCli();
  if (call[0] !== 'init') cpSync(template, store, COPY);
  const path = join(base, 'trace');
  const cwd = join(base, 'work');
  mkdirSync(cwd);
  const options = ['-qq', '-y', '-s', '0', '-o', path, '-e', `trace=${TRACED}`, ...inject];
  const env = { ...process.env, TASKFS_STORE: store, EDITOR: 'true' };
  const ran = await execute('strace', [...options, process.execPath, main, ...call], {
    env,
    cwd,
    timeout: TIMEOUT_MS,
  }).then(
    ({ stderr }) => ({ code: 0, stderr }),
    (failed) => ({ code: failed.code as number | null, stderr: String(failed.stderr) }),
  );
  return { ...ran, trace: readFileSync(path, 'utf8').split('\n'), store };
}
