import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { taskfsMounts, unmount } from '../../src/mount/index.ts';
import { storeExists } from '../../src/store/index.ts';
import { endTasks } from './ending.ts';
import { cacheOf, launcher, main } from './installed.ts';
import { temporaryDirectory } from './temporary.ts';

export { launcher, main };

const NOBODY = 65534;

/** How one call of taskfs ended. */
export interface Ran {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  /** Standard output as it came. */
  readonly bytes: Buffer;
  readonly stderr: string;
}

/** taskfs as a user calls it, with a store of its own. */
export interface Cli {
  /** A directory of the user's own, which holds the store. */
  readonly base: string;
  readonly store: string;
  /** Starts taskfs with its streams as pipes. */
  start(...args: string[]): ChildProcessWithoutNullStreams;
  run(...args: string[]): Promise<Ran>;
  /** Runs a shell script in which `$T` is the command, with `env` beside the store. */
  script(text: string, env?: Readonly<Record<string, string>>): Promise<Ran>;
  /** Starts another program as the same user, in `base`. */
  spawn(...command: string[]): ChildProcessWithoutNullStreams;
  /** The words that start a program as that user from anywhere, with the same environment. */
  asUser(...command: string[]): string[];
  /** Runs it and parses what it prints. Throws where it fails. */
  json<T = Record<string, unknown>>(...args: string[]): Promise<T>;
}

export interface CliOptions {
  /** `plain` is not root, where the tests run as root. */
  readonly user?: 'plain';
  /** A further group of the plain user's. */
  readonly group?: number;
  readonly store?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another main module than that of the built package. */
  readonly main?: string;
}

/**
 * A store that is not there yet, and taskfs for it. Afterwards its supervisors, tasks and mounts
 * are ended.
 */
export function newCli(options: CliOptions = {}): Cli {
  const base = temporaryDirectory();
  const store = options.store ?? join(base, 'store');
  const program = options.main ?? main;
  const becomes = options.user === 'plain' && process.geteuid?.() === 0;
  if (becomes) chownSync(base, NOBODY, NOBODY);
  chmodSync(base, 0o755);
  onTestFinished(() => endAll(store));
  const {
    NO_COLOR: _n,
    FORCE_COLOR: _f,
    TASKFS_IDENTITY: _i,
    XDG_RUNTIME_DIR: _x,
    NODE_COMPILE_CACHE: _c,
    ...inherited
  } = process.env;
  const uid = becomes ? NOBODY : (process.geteuid?.() ?? 0);
  const env = {
    ...inherited,
    TASKFS_STORE: store,
    XDG_CACHE_HOME: cacheOf(uid),
    ...(becomes && { HOME: base }),
    ...options.env,
  };
  const groups = options.group === undefined ? '--clear-groups' : `--groups=${options.group}`;
  const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, groups, '--'];
  const spawnAs = (command: readonly string[], more = {}): ChildProcessWithoutNullStreams => {
    const [file = '', ...args] = becomes ? ['setpriv', ...ids, ...command] : command;
    return spawn(file, args, { env: { ...env, ...more }, cwd: base });
  };
  const start = (...args: string[]): ChildProcessWithoutNullStreams =>
    spawnAs([process.execPath, program, ...args]);
  const run = (...args: string[]): Promise<Ran> => {
    const child = start(...args);
    child.stdin.end();
    return finished(child);
  };
  return {
    base,
    store,
    start,
    run,
    script: (text, more) => {
      const child = spawnAs(['bash', '-c', text], { T: launcher, ...more });
      child.stdin.end();
      return finished(child);
    },
    spawn: (...command) => {
      const child = spawnAs(command);
      onTestFinished(() => void child.kill('SIGKILL'));
      return child;
    },
    asUser: (...command) => {
      const home = becomes ? [`HOME=${base}`] : [];
      // What a program leaves in its temporary directory goes with the store.
      const words = ['env', `--chdir=${base}`, `TMPDIR=${base}`, ...home, ...command];
      return becomes ? ['setpriv', ...ids, ...words] : words;
    },
    json: async (...args) => {
      const { code, stdout, stderr } = await run(...args);
      if (code !== 0) throw new Error(`taskfs ${args.join(' ')} ended with ${code}: ${stderr}`);
      return JSON.parse(stdout);
    },
  };
}

/** Waits for a process and gathers what it printed. */
export async function finished(child: ChildProcessWithoutNullStreams): Promise<Ran> {
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [code, bytes, stderr] = await Promise.all([
    ended,
    buffer(child.stdout),
    buffer(child.stderr),
  ]);
  return { code, bytes, stdout: bytes.toString(), stderr: stderr.toString() };
}

async function endAll(path: string): Promise<void> {
  for (const mount of taskfsMounts()) {
    if (mount.store === path) await unmount(mount.mountpoint).catch(() => {});
  }
  // Not by openStore: a test may have spoilt the store on purpose, or it is a plain user's.
  const at = (part: string): string => join(path, part);
  if (!storeExists(path)) return;
  await endTasks({
    path,
    keys: at('keys'),
    tasks: at('tasks'),
    staging: at('staging'),
    archive: at('archive'),
  });
}
