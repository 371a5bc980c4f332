/**
 * Events on a mount: how long after a task's change a program that watches the mount hears of it,
 * at 100 changes a second, and what that costs the server and its notifier; what it costs while
 * nobody watches; and what a storm of new files in a watched directory does to the mount.
 * `--seconds N` (8), `--storm N` (20000 files). As root on a mount without attached staging, which
 * needs no notifier.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, watch } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AT, removeTree } from '../src/sys/index.ts';
import { optionsOf } from './options.ts';

const values = optionsOf({
  seconds: { type: 'string', default: '8' },
  storm: { type: 'string', default: '20000' },
});
const seconds = Number(values.seconds);
const stormFiles = Number(values.storm);
/** Milliseconds from one change to the next. */
const EVERY_MS = 10;

const base = mkdtempSync(join(tmpdir(), 'taskfs-'));
const mountpoint = join(base, 'mount');
const taskfs = join(import.meta.dirname, '..', 'scripts', 'taskfs');
const env = { ...process.env, TASKFS_STORE: join(base, 'store') };
const run = (...args: string[]): string => execFileSync(taskfs, args, { env, encoding: 'utf8' });
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** CPU seconds of a process until now, from /proc/PID/stat (fields 14 and 15, in 1/100 s). */
function cpuOf(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** MiB of memory that a process alone has. */
function memoryOf(pid: number | undefined): number {
  const text = pid === undefined ? '' : readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
}

function notifierOf(server: number): number | undefined {
  const children = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8').split(' ');
  return children.filter(Boolean).map(Number).find(isNotifier);
}

const isNotifier = (pid: number): boolean =>
  readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('notifier');

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

const milliseconds = (figures: readonly number[]): string => {
  const sorted = [...figures].sort((one, two) => one - two);
  const [half, most] = [percentile(sorted, 0.5), percentile(sorted, 0.99)];
  return (
    `p50 ${half.toFixed(1)} ms, p99 ${most.toFixed(1)} ms, longest ` +
    `${sorted.at(-1)?.toFixed(1)} ms`
  );
};

/** CPU of the server and its notifier, as a share of a core, while something is done. */
async function costOf(server: number, action: () => Promise<void>): Promise<string> {
  const notifier = notifierOf(server);
  const before = [cpuOf(server), cpuOf(notifier)];
  const start = performance.now();
  await action();
  const past = (performance.now() - start) / 1000;
  const [ofServer, ofNotifier] = [cpuOf(server), cpuOf(notifier)].map((now, index) =>
    (((now - (before[index] ?? 0)) / past) * 100).toFixed(1),
  );
  return `CPU: server ${ofServer} %, notifier ${notifier ? `${ofNotifier} %` : 'none'} of a core`;
}

/** Appends to one file after the other; `written` is told before each. */
async function change(directory: string, written: (name: string) => void): Promise<void> {
  const start = performance.now();
  for (let count = 0; count < (seconds * 1000) / EVERY_MS; count++) {
    const name = `file-${count % 50}`;
    written(name);
    appendFileSync(join(directory, name), 'x');
    await sleep(Math.max(0, start + (count + 1) * EVERY_MS - performance.now()));
  }
}

async function storm(directory: string, above: string): Promise<number[]> {
  const script = 'cd "$0"; seq "$1" | xargs -n 1000 touch';
  const child = spawn('sh', ['-c', script, directory, String(stormFiles)], { stdio: 'ignore' });
  const delays: number[] = [];
  while (isRunning(child)) {
    const start = performance.now();
    await lstat(above);
    delays.push(performance.now() - start);
    await sleep(5);
  }
  return delays;
}

const isRunning = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode === null && signalCode === null;

try {
  mkdirSync(mountpoint);
  run('init');
  const asRoot = process.geteuid?.() === 0 ? ['--live', 'fuse'] : [];
  const { pid } = JSON.parse(run('mount', '--json', ...asRoot, mountpoint)) as { pid: number };
  run('run', '-d', '--name', 'bench', '--', 'sleep', '600');
  const [beneath, above] = [join(base, 'store/staging/bench'), join(mountpoint, 'live/bench')];
  readdirSync(above);
  await sleep(2000);

  const idle = await costOf(pid, () => change(beneath, () => {}));
  say(`100 changes a second, nobody watches: ${idle}, server ${memoryOf(pid).toFixed(0)} MiB`);

  const written = new Map<string, number>();
  const delays: number[] = [];
  const names = new Set<string>();
  const watcher = watch(above, (_type, name) => {
    if (name === null) return;
    names.add(name);
    const at = written.get(name);
    if (at === undefined) return;
    written.delete(name);
    delays.push(performance.now() - at);
  });
  await sleep(2000);
  const cost = await costOf(pid, async () => {
    await change(beneath, (name) => written.set(name, performance.now()));
    await sleep(100);
  });
  const changes = (seconds * 1000) / EVERY_MS;
  say(
    `100 changes a second, one watches: ${milliseconds(delays)}; ${delays.length} of ` +
      `${changes} told`,
  );
  const memory =
    `server ${memoryOf(pid).toFixed(0)} MiB, notifier ` +
    `${memoryOf(notifierOf(pid)).toFixed(0)} MiB`;
  say(`  ${cost}; ${memory}`);

  names.clear();
  let stats: number[] = [];
  const stormCost = await costOf(pid, async () => {
    stats = await storm(beneath, above);
  });
  const told = names.size;
  await sleep(1000);
  say(
    `${stormFiles} new files at once: ${told} told meanwhile; stat(2) on the mount: ` +
      `${milliseconds(stats)}`,
  );
  say(`  ${stormCost}`);
  watcher.close();
} finally {
  run('cancel', '--kill', 'bench');
  spawnSync(taskfs, ['wait', 'bench'], { env });
  run('unmount', mountpoint);
  removeTree(AT.FDCWD, base);
}
