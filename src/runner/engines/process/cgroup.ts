import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { enterControlGroup, ownControlGroup } from '../../../sys/index.ts';

/**
 * A control group (cgroup v2) of one run: whatever its processes do, fork twice, start sessions,
 * clear their environment, they stay in it. Source: the kernel's cgroup-v2 documentation.
 */
export interface ControlGroup {
  readonly path: string;
  /**
   * Makes the group and moves this process into it, so that a child is born there; whether that
   * was possible. A move costs some 10 ms.
   */
  enter(): boolean;
  /** Moves this process back to where it came from. */
  leave(): void;
}

/**
 * A group, not made yet, beneath that of this process;
 * undefined where there is no cgroup v2 or no right to.
 */
export function planControlGroup(name: string): ControlGroup | undefined {
  const home = ownControlGroup();
  if (home === undefined || !isWritable(home)) return undefined;
  const path = join(home, name);
  let inside = false;
  return {
    path,
    enter() {
      try {
        mkdirSync(path);
        enterControlGroup(path);
        inside = true;
      } catch {
        removeQuietly(path);
      }
      return inside;
    },
    leave() {
      if (inside) enterControlGroup(home);
      inside = false;
    },
  };
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether any process is left in a group. */
export function isPopulated(path: string): boolean {
  return /^populated 1$/m.test(readOptional(join(path, 'cgroup.events')));
}

/** Process ids in a group itself. */
export function groupMembers(path: string): number[] {
  return readOptional(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
}

/** Stops or continues every process of a group. */
export function freezeGroup(path: string, frozen: boolean): void {
  writeFileSync(join(path, 'cgroup.freeze'), frozen ? '1' : '0');
}

const KILL_LIMIT_MS = 10_000;

/** Kills every process of a group and removes it; one that is gone is fine. */
export async function endGroup(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const end = Date.now() + KILL_LIMIT_MS;
  for (let pause = 1; isPopulated(path) && Date.now() < end; pause = Math.min(pause * 2, 50)) {
    writeFileSync(join(path, 'cgroup.kill'), '1');
    await sleep(pause);
  }
  removeQuietly(path);
}

// A group that a process in an unkillable sleep keeps busy is left to the next recovery.
function removeQuietly(path: string): void {
  try {
    rmdirSync(path);
  } catch {}
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
