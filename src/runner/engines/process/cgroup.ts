import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { enterControlGroup, ownControlGroup } from '../../../sys/index.ts';

/**
 * A control group of one run: whatever its processes do, fork twice, start sessions, clear their
 * environment, they stay in it. Source: the kernel's documentation of cgroup v2 and v1.
 */
export interface ControlGroup {
  readonly path: string;
  /**
   * Makes the group and moves this process into it, so that a child is born there. A move costs
   * some 10 ms. Throws the error of Node where that is not allowed; then nothing is left.
   */
  enter(): void;
  /** Moves this process back to where it came from. */
  leave(): void;
}

/**
 * A group of cgroup v2, not made yet, beneath that of this process;
 * undefined where there is none or no right to.
 */
export function planControlGroup(name: string): ControlGroup | undefined {
  const home = ownControlGroup();
  if (home === undefined || !isWritable(home)) return undefined;
  return controlGroup(join(home, name), () => home);
}

/** A group at a path; `homeOf` says where this process is before it enters. */
export function controlGroup(path: string, homeOf: () => string): ControlGroup {
  let home: string | undefined;
  return {
    path,
    enter() {
      const before = homeOf();
      try {
        mkdirSync(path);
        enterControlGroup(path);
        home = before;
      } catch (error) {
        removeQuietly(path);
        throw error;
      }
    },
    leave() {
      if (home !== undefined) enterControlGroup(home);
      home = undefined;
    },
  };
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
export function isPopulated(path: string): boolean {
  return /^populated 1$/m.test(readOptional(join(path, 'cgroup.events')));
}

/** Process ids in a group itself. */
export function groupMembers(path: string): number[] {
  return readOptional(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
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
    for (const pid of groupMembers(path)) kill(pid);
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

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
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

/** A file of a group, such as memory.events; empty where there is none. */
export function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
