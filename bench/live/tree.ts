import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A checkout of many small files, and the programs that people run over one. */

const FILES_A_DIRECTORY = 50;
const TREE = 'tree';
/** Runs before it is measured: the first reads, and git keeps what the second sees. */
const WARM_UPS = 3;
/** Somewhat longer (milliseconds) than names must be at rest to be cached by the kernel. */
export const REST_MS = 2000;

/** What takes longer (milliseconds) is not measured. */
const LIMIT_MS = 10_000;

/** Who runs the programs: undefined for the caller. */
export type As = { readonly uid: number; readonly gid: number } | undefined;

const environment = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'safe.directory',
  GIT_CONFIG_VALUE_0: '*',
};

function run(directory: string, as: As, command: readonly string[]): void {
  // A shell goes there: root, who this may be, may not enter another's mount.
  const args = ['-c', 'cd "$0" && exec "$@"', directory, ...command];
  const options = { cwd: '/', stdio: 'ignore', env: environment, timeout: LIMIT_MS } as const;
  execFileSync('sh', args, { ...options, ...as });
}

/** Makes the tree in a real directory, as a task would, and commits it. */
export function makeTree(beneath: string, files: number, as: As): void {
  const root = join(beneath, TREE);
  mkdirSync(root);
  for (let made = 0; made < files; made++) {
    const directory = join(root, `directory-${Math.floor(made / FILES_A_DIRECTORY)}`);
    if (made % FILES_A_DIRECTORY === 0) mkdirSync(directory);
    writeFileSync(join(directory, `file-${made}.txt`), `line one of ${made}\nline two\n`.repeat(8));
  }
  if (as) execFileSync('chown', ['-R', `${as.uid}:${as.gid}`, root]);
  const author = ['-c', 'gc.auto=0', '-c', 'user.name=bench', '-c', 'user.email=bench@localhost'];
  run(root, as, ['git', 'init', '-q']);
  run(root, as, ['git', 'add', '.']);
  run(root, as, ['git', ...author, 'commit', '-q', '-m', 'tree']);
}

export const programs = [
  { name: 'git status', command: ['git', 'status', '--porcelain'] },
  { name: 'rg', command: ['rg', '-c', 'line two', '.'] },
  { name: 'grep -r', command: ['grep', '-rc', 'line two', '.'] },
] as const;

/** Seconds that a program takes over the tree; undefined where it fails, or takes too long. */
function time(directory: string, as: As, command: readonly string[]): number | undefined {
  const start = performance.now();
  try {
    run(join(directory, TREE), as, command);
  } catch {
    return undefined;
  }
  return (performance.now() - start) / 1000;
}

/**
 * Seconds that a program takes over the tree once warm, so often in each directory, in turns; none
 * where it cannot be run.
 */
export function timeWarm(
  directories: readonly string[],
  as: As,
  command: readonly string[],
  rounds: number,
): number[][] {
  const able = new Set(directories);
  const round = () =>
    directories.map((directory) => {
      const seconds = able.has(directory) ? time(directory, as, command) : undefined;
      if (seconds === undefined) able.delete(directory);
      return seconds;
    });
  for (let run = 0; run < WARM_UPS; run++) {
    round();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, REST_MS);
  }
  const figures = Array.from({ length: rounds }, round);
  return directories.map((_, d) =>
    figures.map((row) => row[d]).filter((seconds) => seconds !== undefined),
  );
}
