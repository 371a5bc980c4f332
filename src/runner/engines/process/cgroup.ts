import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { enterControlGroup, ownControlGroup, textOrEmpty } from '../../../sys/index.ts';
import { sendSignal } from './processes.ts';

/**
 * A control group of one run: whatever its processes do, fork twice, start sessions, clear their
 * environment, they stay in it. Source: the kernel's documentation of cgroup v2 and v1.
 */
export interface ControlGroup {
  readonly path: string;
  /** Makes the group. Throws where that is not allowed. */
  make(): void;
}

/**
 * A group of cgroup v2, not made yet, beneath that of this process;
 * undefined where there is none or no right to.
 */
export function planControlGroup(name: string): ControlGroup | undefined {
  const home = ownControlGroup();
  if (home === undefined || !isWritable(home)) return undefined;
  const path = join(home, name);
  return { path, make: () => void mkdirSync(path) };
}

/**
 * Moves this process into a group that a run can do without, made if need be, so that a child is
 * born there. A move costs some 10 ms. Returns how to go back; undefined where it is not allowed.
 */
export function enterGroup(group: ControlGroup): (() => void) | undefined {
  const home = ownControlGroup();
  if (home === undefined) return undefined;
  try {
    if (!existsSync(group.path)) group.make();
    enterControlGroup(group.path);
    return () => enterControlGroup(home);
  } catch {
    removeQuietly(group.path);
    return undefined;
  }
}

/** Whether groups may be made in one, and processes moved into it. */
export function isWritable(directory: string): boolean {
  try {
    for (const path of [directory, join(directory, 'cgroup.procs')]) {
      accessSync(path, constants.W_OK);
    }
    return true;
  } catch {
    return false;
  }
}

/** Whether any process is left in a group of cgroup v2 or beneath. */
function isPopulated(path: string): boolean {
  return /^populated 1$/m.test(textOrEmpty(join(path, 'cgroup.events')));
}

/** Process ids in a group itself. */
export function groupMembers(path: string): number[] {
  return textOrEmpty(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
}

/** Stops or continues every process of a group of cgroup v2. */
export function freezeGroup(path: string, frozen: boolean): void {
  writeFileSync(join(path, 'cgroup.freeze'), frozen ? '1' : '0');
}

const KILL_LIMIT_MS = 10_000;

/** Kills every process of a group of cgroup v2 and removes it; one that is gone is fine. */
export async function endGroup(path: string): Promise<void> {
  await removeWhenEmpty(path, () => {
    if (isPopulated(path)) writeFileSync(join(path, 'cgroup.kill'), '1');
  });
}

/** The same for one of cgroup v1, where each process is killed by itself. */
export async function endControllerGroup(path: string): Promise<void> {
  await removeWhenEmpty(path, () => {
    for (const pid of groupMembers(path)) sendSignal(pid, 'SIGKILL');
  });
}

// A group that a process in an unkillable sleep keeps busy is left to the next recovery.
async function removeWhenEmpty(path: string, killMembers: () => void): Promise<void> {
  const end = Date.now() + KILL_LIMIT_MS;
  for (let pause = 1; existsSync(path); pause = Math.min(pause * 2, 50)) {
    killMembers();
    removeQuietly(path);
    if (Date.now() > end) return;
    if (existsSync(path)) await sleep(pause);
  }
}

/** Removes a group with those in it, unless there is a process in one of them. */
function removeQuietly(path: string): void {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeQuietly(join(path, entry.name));
    }
    rmdirSync(path);
  } catch {}
}
