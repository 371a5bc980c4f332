import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LiveChoice } from '../../src/attach/index.ts';
import type { DriverName } from '../../src/fs/index.ts';
import { allMounts, FUSERMOUNT } from '../../src/mount/index.ts';
import type { MountOptions } from '../../src/server/serve-mount.ts';
import type { Store } from '../../src/store/index.ts';
import { AT, removeTree } from '../../src/sys/index.ts';
import { cacheOf } from './installed.ts';

const run = promisify(execFile);
const PROGRAM = join(import.meta.dirname, 'mount-program.ts');
const NOBODY = 65534;

/** A way to mount, to run the same tests on. */
export interface MountVariant {
  readonly name: string;
  readonly user: 'root' | 'plain';
  readonly options: MountOptions & { readonly driver: DriverName };
  /** How many files the server may open; left out: as many as we. */
  readonly openFiles?: number;
  /**
   * Where it keeps what it compiled, as the command line does, which makes the next one smaller.
   */
  readonly compiled?: string;
}

const isRoot = process.geteuid?.() === 0;

const all: readonly MountVariant[] = [
  { name: 'kernel, root, attach', user: 'root', options: { driver: 'kernel', live: 'attach' } },
  { name: 'kernel, root', user: 'root', options: { driver: 'kernel', live: 'fuse' } },
  { name: 'kernel, plain user', user: 'plain', options: { driver: 'kernel' } },
  { name: 'libfuse', user: isRoot ? 'root' : 'plain', options: { driver: 'libfuse' } },
];

/** Whether the kernel shows staging itself, with all that a disk can do. */
export const isAttached = ({ options }: MountVariant): boolean => options.live === 'attach';

/** The ways that can be tried as the user who runs the tests; root can be everybody. */
export const variants = all.filter(({ user }) => isRoot || user === 'plain');

/** A store with live tasks `one` and `two`, mounted by a server process of its own. */
export interface MountedStore {
  /** The directory that holds store and mount point, and where tests may put more. */
  readonly base: string;
  readonly store: Store;
  readonly mountpoint: string;
  /** Of the server. */
  readonly pid: number;
  readonly live: LiveChoice;
  readonly notes: readonly string[];
  /** Runs a program as the user who mounted; rejects unless it ends with 0. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Starts a program as that user, its output piped to us. */
  start(program: string, args: readonly string[]): ChildProcess;
  /** Starts a process of that user that stays in a directory until it is killed. */
  occupy(directory: string): Promise<ChildProcess>;
  /** Takes everything away, whatever state it is in. */
  close(): Promise<void>;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Milliseconds until it is killed: a hung mount must not hang the tests. */
  readonly timeout?: number;
}

export async function openMount(variant: MountVariant): Promise<MountedStore> {
  const base = mkdtempSync(join(tmpdir(), 'taskfs-'));
  const becomes = isRoot && variant.user === 'plain';
  const uid = becomes ? NOBODY : (process.geteuid?.() ?? 0);
  if (becomes) chownSync(base, NOBODY, NOBODY);
  chmodSync(base, 0o755);
  const commandOf = (program: string, args: readonly string[]) =>
    becomes ? asNobody(program, args) : ([program, [...args]] as const);
  const start = (program: string, args: readonly string[]) => {
    const [command, commandArgs] = commandOf(program, args);
    return spawn(command, commandArgs, { stdio: ['ignore', 'pipe', 'inherit'] });
  };
  const occupy = async (directory: string) => {
    const script = 'cd "$1" && echo in && exec sleep 1000';
    const child = start('sh', ['-c', script, 'sh', directory]);
    await once(child.stdout, 'data');
    return child;
  };
  const asUser = async (program: string, args: readonly string[], options: RunOptions = {}) => {
    const { cwd, ...rest } = options;
    const [command, commandArgs] = cwd
      ? commandOf('sh', ['-c', 'cd "$0" && exec "$@"', cwd, program, ...args])
      : commandOf(program, args);
    const { stdout } = await run(command, commandArgs, {
      timeout: 60_000,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 26,
      env: { ...process.env, HOME: base, NODE_COMPILE_CACHE: cacheOf(uid) },
      ...rest,
    });
    return stdout;
  };
  try {
    const wanted = JSON.stringify({ ...variant.options, tasks: ['one', 'two'] });
    const { openFiles, compiled } = variant;
    const [command = '', ...args] = [
      ...(openFiles ? ['prlimit', `--nofile=${openFiles}`, '--'] : []),
      ...(compiled ? ['env', `NODE_COMPILE_CACHE=${compiled}`] : []),
      ...[process.execPath, PROGRAM, base, wanted],
    ];
    const mounted = JSON.parse(await asUser(command, args));
    return { base, ...mounted, run: asUser, start, occupy, close: () => close(base, mounted.pid) };
  } catch (error) {
    await close(base, undefined);
    throw error;
  }
}

/** How root runs a program as a user who is nobody else. */
export function asNobody(program: string, args: readonly string[]): [string, string[]] {
  const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--', program];
  return ['setpriv', [...ids, ...args]];
}

/** Whether something is mounted on a directory, whoever mounted it. */
export const isMountpoint = (path: string): boolean =>
  allMounts().some(({ mountpoint }) => mountpoint === path);

async function close(base: string, pid: number | undefined): Promise<void> {
  const mountpoint = join(base, 'mount');
  if (isMountpoint(mountpoint)) {
    await run(FUSERMOUNT, ['-uz', '--', mountpoint]).catch((error) => {
      // Its watchdog may just have done the same.
      if (isMountpoint(mountpoint)) throw error;
    });
  }
  if (pid !== undefined) kill(pid);
  removeTree(AT.FDCWD, base);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself, as it should.
  }
}
