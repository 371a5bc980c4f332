import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { unmount } from '../../src/mount/index.ts';
import { mountInBackground } from '../../src/server/index.ts';
import {
  readRecord,
  replaceRecord,
  type Store,
  type TaskName,
  taskPaths,
} from '../../src/store/index.ts';
import { median, type Row } from '../live/table.ts';
import { fillLarge, fillSmall } from './trees.ts';

/** How much is read. */
export interface Sizes {
  readonly mib: number;
  readonly files: number;
  readonly rounds: number;
}

/** A directory that holds the trees, and the process that serves it, if one does. */
interface Target {
  readonly name: string;
  readonly directory: string;
  readonly pid: number | undefined;
  readonly trees: ReadonlySet<string>;
}

/** One thing to do in a target: its first time with cold caches, where they can be dropped. */
interface Workload {
  readonly name: string;
  readonly tree: string;
  readonly isCold: boolean;
  /** Bash, in the tree; prints the seconds that it took. */
  readonly script: string;
}

const RANDOM = join(import.meta.dirname, 'random-read.ts');
const RANDOM_READS = 2000;
/** Prints a passphrase, which nobody has to remember. */
const PASSPHRASE = 'echo bench';

const timed = (command: string): string =>
  `TIMEFORMAT=%R; ${command.split(' ')[0]} --version >/dev/null; { time ${command} ` +
  '>/dev/null; } 2>&1; true';

const workloadsOf = ({ mib, files }: Sizes): readonly Workload[] => {
  const large = { tree: 'large', script: timed('dd if=large bs=128k status=none') };
  const grep = { tree: 'small', script: timed('grep -r nothing .') };
  const find = timed('find . -name nothing');
  const list = timed('ls -lR .');
  const random = `"${process.execPath}" "${RANDOM}" large ${RANDOM_READS}`;
  return [
    { ...large, name: `${mib} MiB in order, cold`, isCold: true },
    { ...large, name: `${mib} MiB in order, warm`, isCold: false },
    { name: `${RANDOM_READS} times 4 KiB, cold`, isCold: true, tree: 'large', script: random },
    { ...grep, name: `grep -r, ${files} files, cold`, isCold: true },
    { ...grep, name: `grep -r, ${files} files, warm`, isCold: false },
    { name: `find, ${files} files, cold`, isCold: true, tree: 'small', script: find },
    { name: `ls -lR, ${files} files, again`, isCold: false, tree: 'small', script: list },
    { name: `find, ${5 * files} files, cold`, isCold: true, tree: 'many', script: find },
    { name: `ls -lR, ${5 * files} files, again`, isCold: false, tree: 'many', script: list },
  ];
};

/**
 * Reads trees natively, through a mount of taskfs and through gocryptfs, in turn; seconds, medians
 * of the rounds. Root only, since nobody else may drop the kernel's caches.
 */
export async function benchReading(
  work: string,
  store: Store,
  newTask: (name: string) => string,
  sizes: Sizes,
): Promise<{ columns: readonly string[]; rows: readonly Row[] }> {
  const native = directoryIn(work, 'native');
  const fills: Readonly<Record<string, (directory: string) => void>> = {
    large: (directory) => fillLarge(directory, sizes.mib),
    small: (directory) => fillSmall(directory, sizes.files, 1024),
    many: (directory) => fillSmall(directory, 5 * sizes.files, 20),
  };
  for (const [tree, fill] of Object.entries(fills)) {
    fill(directoryIn(native, tree));
    execFileSync('cp', ['-a', `${join(native, tree)}/.`, newTask(tree)]);
    await seal(store, tree as TaskName);
  }
  const { mountpoint, pid } = await mountInBackground(store, directoryIn(work, 'mount'), {
    driver: 'kernel',
  });
  const peer = mountGocryptfs(work, native);
  try {
    const trees = new Set(Object.keys(fills));
    const targets: Target[] = [
      { name: 'native', directory: native, pid: undefined, trees },
      { name: 'taskfs', directory: join(mountpoint, 'archive'), pid, trees },
      ...(peer ? [peer] : []),
    ];
    return { columns: targets.map(({ name }) => name), rows: measureAll(targets, sizes) };
  } finally {
    await unmount(mountpoint);
    if (peer) execFileSync('fusermount3', ['-u', peer.directory]);
  }
}

function directoryIn(parent: string, name: string): string {
  const path = join(parent, name);
  mkdirSync(path);
  return path;
}

async function seal(store: Store, task: TaskName): Promise<void> {
  await sealTask(store, task);
  const { record } = taskPaths(store, task);
  replaceRecord(record, readRecord(record, task), { artifacts: 'sealed' });
  removePlaintext(store, task);
}

/**
 * Without the tree of many files, which it takes minutes to fill. Undefined where it is not
 * installed.
 */
function mountGocryptfs(work: string, native: string): Target | undefined {
  const [cipher, directory] = [directoryIn(work, 'cipher'), directoryIn(work, 'gocryptfs')];
  const quiet = ['-q', '-nosyslog', '-extpass', PASSPHRASE];
  try {
    execFileSync('gocryptfs', [...quiet, '-init', '-scryptn', '10', cipher]);
  } catch {
    return undefined;
  }
  // What it leaves behind would keep a pipe open.
  execFileSync('gocryptfs', [...quiet, cipher, directory], { stdio: 'ignore' });
  const trees = new Set(['large', 'small']);
  for (const tree of trees) execFileSync('cp', ['-a', join(native, tree), directory]);
  return { name: 'gocryptfs', directory, pid: undefined, trees };
}

function measureAll(targets: readonly Target[], sizes: Sizes): Row[] {
  const workloads = workloadsOf(sizes);
  const figures = workloads.map(() => targets.map((): number[] => []));
  for (let round = 0; round < sizes.rounds; round++) {
    for (const [t, target] of targets.entries()) {
      for (const [w, workload] of workloads.entries()) {
        if (target.trees.has(workload.tree)) figures[w]?.[t]?.push(measure(target, workload));
      }
    }
  }
  const rows = workloads.map(({ name }, w) => ({
    name,
    values: targets.map((_, t) => {
      const measured = figures[w]?.[t] ?? [];
      return measured.length > 0 ? median(measured) : undefined;
    }),
  }));
  const memory = targets.map(({ pid }) => (pid === undefined ? undefined : residentMib(pid)));
  return [...rows, { name: 'server memory afterwards (MiB)', values: memory }];
}

function measure({ directory }: Target, { tree, isCold, script }: Workload): number {
  const cwd = join(directory, tree);
  if (isCold) dropCaches();
  const out = execFileSync('bash', ['-c', `cd "$0" && ${script}`, cwd], { encoding: 'utf8' });
  return Number(out.trim());
}

function dropCaches(): void {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

function residentMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
