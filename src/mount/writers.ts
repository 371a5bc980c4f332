import { closeSync, constants, lstatSync, openSync, utimesSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DIRECT_WRITERS,
  type Lock,
  type Store,
  type TaskName,
  type TaskPaths,
  takeLock,
} from '../store/index.ts';
import {
  findRecordLock,
  monotonicMs,
  namesOrNone,
  parseMountinfo,
  targetOrEmpty,
  textOrEmpty,
} from '../sys/index.ts';
import { attachedIn, entriesOf, isTaskfs, storeOfSource } from './mountinfo.ts';
import { processes } from './processes.ts';

/** How long (milliseconds) writers of a mount get to close their files by default. */
export const DRAIN_MS = 10_000;

/** How long (milliseconds) to wait between two tries, at first and at most. */
const FIRST_RETRY_MS = 1;
const RETRY_MS = 50;
/**
 * The least time to wait: a server keeps its lock for some milliseconds after each change, and
 * until it has detached staging that nobody writes to.
 */
const LEAST_MS = 200;

/**
 * Waits until no mount has a file of the task open for writing: nobody can write through one while
 * this lock is held. Undefined where somebody still does after `limitMs`.
 */
export async function waitForWriters(path: string, limitMs: number): Promise<Lock | undefined> {
  const end = monotonicMs() + Math.max(limitMs, LEAST_MS);
  for (let pause = FIRST_RETRY_MS; ; pause = Math.min(RETRY_MS, 2 * pause)) {
    const lock = takeLock(path);
    const left = end - monotonicMs();
    if (lock || left <= 0) return lock;
    if (pause === FIRST_RETRY_MS) askToLetGo(path);
    await sleep(Math.min(pause, left));
  }
}

/** Servers that hold the lock watch its file, and look at the task's record when it is touched. */
function askToLetGo(path: string): void {
  const now = new Date();
  utimesSync(path, now, now);
}

/** A program that has a live file open for writing through a mount. */
export interface Writer {
  readonly pid: number;
  readonly program: string;
  /** From the top of the task's files, as text. */
  readonly path: string;
}

/**
 * Who has files of a task open for writing through a mount, as far as /proc shows it: descriptors
 * and shared mappings of one's own processes, of all as root. Touches no mount.
 */
export function findWriters(store: Store, task: TaskName): Writer[] {
  return processes().flatMap((pid) => {
    const mounts = mountsOf(pid, store);
    if (mounts.size === 0) return [];
    const paths = [...openFiles(pid, mounts).map(({ path }) => path), ...mappedPaths(pid)];
    return writersOf(
      pid,
      paths.map((path) => nameIn(path, task)).filter((name) => name !== undefined),
    );
  });
}

function writersOf(pid: string, paths: readonly string[]): Writer[] {
  const program = textOrEmpty(`/proc/${pid}/comm`).trim();
  const clean = paths.map((path) => path.replace(/ \(deleted\)$/, ''));
  return [...new Set(clean)].map((path) => ({ pid: Number(pid), program, path }));
}

/**
 * Who has files of a task open for writing in staging itself, past any mount, or in a copy of a
 * mount that was detached, as containers have them. Servers of mounts are none: what they have
 * open, they have for others.
 */
export function findDirectWriters(paths: TaskPaths): Writer[] {
  const tops = [paths.aside, paths.staging];
  return processes().flatMap((pid) => {
    const open = openFiles(pid);
    const inStaging = [...open.map(({ path }) => path), ...mappedPaths(pid)].flatMap((path) =>
      tops.flatMap((top) => (path.startsWith(`${top}/`) ? [path.slice(top.length + 1)] : [])),
    );
    // What is open in a detached mount has a path from there.
    const detached = open.filter(
      ({ path, ino }) =>
        ino !== undefined &&
        path.startsWith('/') &&
        tops.some((top) => inodeAt(top + path) === ino),
    );
    const found = [...inStaging, ...detached.map(({ path }) => path.slice(1))];
    return found.length === 0 || isServer(pid) ? [] : writersOf(pid, found);
  });
}

/** Undefined where nothing can be found. */
function inodeAt(path: string): bigint | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
  } catch {
    return undefined;
  }
}

const isServer = (pid: string): boolean =>
  namesOrNone(`/proc/${pid}/fd`).some(
    (fd) => targetOrEmpty(`/proc/${pid}/fd/${fd}`) === '/dev/fuse',
  );

/** Whether files of a task are open for writing in a way that no server can cut off. */
export function isWrittenDirectly(path: string): boolean {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    return findRecordLock(fd, { ...DIRECT_WRITERS, type: 'write' }) !== undefined;
  } finally {
    closeSync(fd);
  }
}

/** Ids of the mounts of a store in the mount namespace of a process. */
function mountsOf(pid: string, store: Store): ReadonlySet<number> {
  const mounts = entriesOf(parseMountinfo(textOrEmpty(`/proc/${pid}/mountinfo`, 'latin1')));
  const ours = mounts.filter((one) => isTaskfs(one) && storeOfSource(one.source) === store.path);
  const all = ours.flatMap((mount) => [mount, ...attachedIn(mount, mounts)]);
  return new Set(all.map(({ id }) => id));
}

interface OpenFile {
  readonly path: string;
  /** Undefined before Linux 5.14, where the kernel does not say. */
  readonly ino: bigint | undefined;
}

/** Files that a process may write; on some mounts alone where those are given. */
function openFiles(pid: string, mounts?: ReadonlySet<number>): OpenFile[] {
  return namesOrNone(`/proc/${pid}/fd`).flatMap((fd) => {
    const info = textOrEmpty(`/proc/${pid}/fdinfo/${fd}`);
    const mount = Number(/^mnt_id:\s*(\d+)/m.exec(info)?.[1]);
    const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? '0', 8);
    if ((flags & ACCESS_MODE) === 0 || mounts?.has(mount) === false) return [];
    const ino = /^ino:\s*(\d+)/m.exec(info)?.[1];
    return [
      { path: targetOrEmpty(`/proc/${pid}/fd/${fd}`), ino: ino === undefined ? ino : BigInt(ino) },
    ];
  });
}

const ACCESS_MODE = 0o3;

function mappedPaths(pid: string): string[] {
  const lines = textOrEmpty(`/proc/${pid}/maps`).split('\n');
  return lines.flatMap((line) => /^\S+ .w.s \S+ \S+ \d+ +(\/.*)$/.exec(line)?.[1] ?? []);
}

function nameIn(path: string, task: TaskName): string | undefined {
  const top = `/live/${task}/`;
  const at = path.indexOf(top);
  return at === -1 ? undefined : path.slice(at + top.length);
}
