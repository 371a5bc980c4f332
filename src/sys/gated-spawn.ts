import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Errno, errno } from '../errno.ts';
import { AT, mknodAt, O_PATH, openAt, reopen } from './at.ts';
import { bindBlocking } from './libc.ts';
import { namesOrNone, textOrEmpty } from './optional.ts';
import { setSoftOpenFiles } from './process.ts';
import {
  endOf,
  ignoreSignals,
  neverBegan,
  POSIX_SPAWN,
  prepareSpawn,
  refuse,
  type SpawnedProcess,
  type SpawnOptions,
  watchChildren,
} from './spawn.ts';
import { S_IFIFO } from './stat.ts';

/**
 * Starts processes that are put into their place before their first instruction: into control
 * groups that this process must not be in. posix_spawn(3) cannot stop what it starts, but it opens
 * files first, and opening a FIFO waits until its other side is opened (fifo(7)).
 */

const c = { spawn: bindBlocking(POSIX_SPAWN) };

/**
 * Starts a process that waits at a gate, a FIFO that is made at the path `gate`, until `admit` has
 * returned. Nothing else may be started meanwhile. Throws Errno, or what `admit` throws; then there
 * is no process. Where this process is killed meanwhile, the other waits until `closeGate`.
 */
export async function spawnAtGate(
  options: SpawnOptions,
  gate: string,
  admit: (pid: number) => void,
): Promise<SpawnedProcess> {
  mknodAt(AT.FDCWD, gate, S_IFIFO | 0o600, 0);
  const result = startAtGate(options, gate);
  const pid = await result.waiting;
  if (pid === undefined) {
    unlinkSync(gate);
    throw Errno.of(await result.number);
  }
  try {
    if (options.softOpenFiles !== undefined) setSoftOpenFiles(options.softOpenFiles, pid);
    admit(pid);
  } catch (error) {
    const forget = closeGate(gate);
    await result.number;
    forget();
    throw error;
  }
  return openGate(gate, pid, result.number);
}

interface Start {
  /** The process that waits; undefined where none was made. */
  readonly waiting: Promise<number | undefined>;
  /** Of errno(3), once the process has executed its program or could not; 0: it has. */
  readonly number: Promise<number>;
}

function startAtGate(options: SpawnOptions, gate: string): Start {
  const before = childProcesses();
  const call = prepareSpawn(options, gate);
  watchChildren();
  const restoreSignals = ignoreSignals(options.ignoredSignals ?? []);
  let isOver = false;
  const number = c.spawn(...call.args).finally(() => {
    isOver = true;
    call.free();
  });
  const waiting = newChild(before, () => isOver).finally(restoreSignals);
  return { waiting, number };
}

/** Waits for the one child that was not there before; undefined where there will be none. */
async function newChild(
  before: readonly number[],
  isOver: () => boolean,
): Promise<number | undefined> {
  while (!isOver()) {
    const made = childProcesses().find((pid) => !before.includes(pid));
    if (made !== undefined) return made;
    await sleep(1);
  }
  return undefined;
}

/** The children of this process, whichever thread started them (proc_pid_task(5)). */
function childProcesses(): number[] {
  const threads = namesOrNone('/proc/self/task');
  const lists = threads.map((thread) => textOrEmpty(`/proc/self/task/${thread}/children`));
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

async function openGate(
  gate: string,
  pid: number,
  number: Promise<number>,
): Promise<SpawnedProcess> {
  // Before the process goes on: it may end sooner than anything else happens here.
  const ended = endOf(pid);
  const writer = openSync(gate, constants.O_RDWR);
  try {
    refuse(await number);
    return { pid, ended };
  } catch (error) {
    neverBegan(pid);
    throw error;
  } finally {
    closeSync(writer);
    unlinkSync(gate);
  }
}

/**
 * Takes a gate away for good: what waits there ends, for it finds no gate when it looks again. One
 * that is not there is fine. Returns what is to be called once that process has ended.
 */
export function closeGate(gate: string): () => void {
  let place: number;
  try {
    place = openAt(AT.FDCWD, gate, O_PATH);
  } catch (error) {
    if (error instanceof Errno && error.errno === errno.ENOENT) return () => {};
    throw error;
  }
  unlinkSync(gate);
  const writer = reopen(place, constants.O_RDWR);
  closeSync(place);
  return () => closeSync(writer);
}
