import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  loadRecipients,
  parseTaskName,
  putBack,
  type Store,
  taskPaths,
} from '../../src/store/index.ts';
import { median, type Row } from '../live/table.ts';
import { fillLarge, fillSmall } from './trees.ts';

/** How much is sealed. */
export interface Sizes {
  readonly mib: number;
  readonly files: number;
  readonly rounds: number;
}

interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** Makes the staging directory of a task that has ended, and returns its path. */
type NewTask = (name: string) => string;

/** The program that seals: as it stands, or bundled. */
export const PROGRAM = join(import.meta.dirname, 'seal-program.ts');

/** What a seal took: seconds from its call to the commit, and the highest memory of its process. */
interface Seal {
  readonly seconds: number;
  readonly rssMib: number;
}

/** In a process of its own. All is as before afterwards, so that it can be sealed again. */
function seal(program: string, store: Store, name: string): Seal {
  const output = execFileSync(process.execPath, [program, store.path, name], { encoding: 'utf8' });
  const task = parseTaskName(name);
  rmSync(taskPaths(store, task).archive, { recursive: true });
  putBack(store, task);
  const { ms, rssMib } = JSON.parse(output) as { ms: number; rssMib: number };
  return { seconds: ms / 1000, rssMib };
}

function seconds(script: string, ...args: readonly string[]): number {
  const start = performance.now();
  execFileSync('bash', ['-ec', script, '-', ...args]);
  return (performance.now() - start) / 1000;
}

/** As careful as sealing is: the output is made durable before it counts as done. Not read back. */
function tarAge(store: Store, staging: string): number {
  const [recipient = ''] = loadRecipients(store);
  const output = join(store.path, 'peer.age');
  const script = 'set -o pipefail; tar -C "$1" -c . | age -r "$2" > "$3"; sync "$3"';
  const spent = seconds(script, staging, recipient, output);
  rmSync(output);
  return spent;
}

/** Copies into a fresh file system; undefined where it is not installed, or may not be mounted. */
function gocryptfs(work: string, staging: string): number | undefined {
  const [cipher, directory] = ['cipher', 'plain'].map((name) => join(work, name));
  if (!cipher || !directory) return undefined;
  const quiet = ['-q', '-nosyslog', '-extpass', 'echo bench'];
  for (const path of [cipher, directory]) mkdirSync(path);
  try {
    execFileSync('gocryptfs', [...quiet, '-init', '-scryptn', '10', cipher], { stdio: 'ignore' });
    execFileSync('gocryptfs', [...quiet, cipher, directory], { stdio: 'ignore' });
    try {
      return seconds('cp -a "$1" "$2"; sync -f "$2"', staging, join(directory, 'copy'));
    } finally {
      execFileSync('fusermount3', ['-u', directory]);
    }
  } catch {
    return undefined;
  } finally {
    for (const path of [cipher, directory]) rmSync(path, { recursive: true });
  }
}

/** What was written before must not be written while something is measured. */
function settle(isCold: boolean): void {
  execFileSync('sync');
  if (isCold) writeFileSync('/proc/sys/vm/drop_caches', '3');
}

/**
 * Seals one large file, and many small ones, in turn with peers. Cold only as root, who may drop
 * caches.
 */
export function benchSealing(
  program: string,
  work: string,
  store: Store,
  newTask: NewTask,
  sizes: Sizes,
): Table {
  const trees = {
    [`${sizes.mib} MiB`]: { task: 'large', fill: (to: string) => fillLarge(to, sizes.mib) },
    [`${sizes.files} files`]: {
      task: 'small',
      fill: (to: string) => fillSmall(to, sizes.files, 1024),
    },
  };
  const rows: Row[] = [];
  for (const [what, { task, fill }] of Object.entries(trees)) {
    const staging = newTask(task);
    fill(staging);
    for (const isCold of process.getuid?.() === 0 ? [false, true] : [false])
      rows.push(
        measure(`${what}, ${isCold ? 'cold' : 'warm'}`, {
          program,
          work,
          store,
          task,
          staging,
          isCold,
          rounds: sizes.rounds,
        }),
      );
    rmSync(staging, { recursive: true });
  }
  return {
    columns: [
      'seal',
      'tar \\| age',
      'gocryptfs',
      'faster than tar \\| age',
      'than gocryptfs',
      'MiB',
    ],
    rows,
  };
}

interface Case {
  readonly program: string;
  readonly work: string;
  readonly store: Store;
  readonly task: string;
  readonly staging: string;
  readonly isCold: boolean;
  readonly rounds: number;
}

function measure(name: string, options: Case): Row {
  const { program, work, store, task, staging, isCold, rounds } = options;
  const ours: Seal[] = [];
  const tar: number[] = [];
  for (let round = 0; round < rounds; round++) {
    settle(isCold);
    tar.push(tarAge(store, staging));
    settle(isCold);
    ours.push(seal(program, store, task));
  }
  settle(isCold);
  const copied = gocryptfs(work, staging);
  const spent = median(ours.map((each) => each.seconds));
  const rss = Math.max(...ours.map((each) => each.rssMib));
  const values = [spent, median(tar), copied, median(tar) / spent, copied && copied / spent, rss];
  return { name, values };
}

const MANY = 200_000;

/**
 * The highest memory of sealing one very large file, very many, and both at once: bundled, and from
 * the sources.
 */
export function benchMemory(program: string, store: Store, newTask: NewTask, mib: number): Table {
  const cases: Readonly<Record<string, (staging: string) => void>> = {
    [`${mib} MiB`]: (staging) => fillLarge(staging, mib),
    [`${MANY} files`]: (staging) => fillSmall(staging, MANY, 1024),
    both: (staging) => {
      fillLarge(staging, mib);
      fillSmall(staging, MANY, 1024);
    },
  };
  const rows = Object.entries(cases).map(([name, fill], index) => {
    const staging = newTask(`memory-${index}`);
    fill(staging);
    const bundled = seal(program, store, `memory-${index}`);
    const fromSources = seal(PROGRAM, store, `memory-${index}`);
    rmSync(staging, { recursive: true });
    return { name, values: [bundled.rssMib, fromSources.rssMib, bundled.seconds] };
  });
  return { columns: ['MiB', 'MiB from the sources', 'seconds'], rows };
}
