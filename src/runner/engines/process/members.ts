import { setTimeout as sleep } from 'node:timers/promises';
import { BACKGROUND_NAME } from '../../../background-process.ts';
import { reap } from '../../../sys/index.ts';
import {
  listProcesses,
  type ProcessInfo,
  readArguments,
  readProcess,
  readVariable,
  sendSignal,
} from './processes.ts';

/** What identifies the processes of a run, where there is no control group. */
export interface Mark {
  /** Value of TASKFS_ARTIFACTS in their environment: no other task, of no other store, has it. */
  readonly staging: string;
  /** The first process, which leads the session of the run. */
  readonly leader?: { readonly pid: number; readonly startTime: number } | undefined;
}

/**
 * Every process of a run: those in the leader's session, those started with its environment, their
 * descendants, and orphans that this process inherited as their subreaper. Ended ones included.
 */
export function findMembers(mark: Mark): ProcessInfo[] {
  const all = listProcesses();
  const found = new Set(all.filter((info) => isMarked(info, mark) || isOrphan(info, mark)));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    const pids = new Set([...found].map((info) => info.pid));
    for (const info of all) if (pids.has(info.parent)) found.add(info);
  }
  return [...found];
}

function isMarked(info: ProcessInfo, { staging, leader }: Mark): boolean {
  if (info.pid === process.pid) return false;
  if (leader && info.session === leader.pid && info.startTime >= leader.startTime) return true;
  return readVariable(info.pid, 'TASKFS_ARTIFACTS') === staging;
}

// A child in another session was not started by this process for itself: it descends from a run,
// and only one whose environment names no other task can be this run's.
function isOrphan(info: ProcessInfo, { staging, leader }: Mark): boolean {
  if (info.parent !== process.pid || !leader || info.startTime < leader.startTime) return false;
  if (info.session === readProcess(process.pid)?.session) return false;
  // What the run started to outlive it, which may keep its environment to itself.
  if (readArguments(info.pid).includes(BACKGROUND_NAME)) return false;
  return (readVariable(info.pid, 'TASKFS_ARTIFACTS') ?? staging) === staging;
}

const KILL_LIMIT_MS = 10_000;

/**
 * Kills every process of a run, again until none is left,
 * and collects those that are ours to collect.
 */
export async function endMembers(mark: Mark): Promise<void> {
  const end = Date.now() + KILL_LIMIT_MS;
  for (let pause = 1; Date.now() < end; pause = Math.min(pause * 2, 50)) {
    const members = findMembers(mark).filter((info) => !isCollected(info, mark));
    if (members.length === 0) return;
    for (const info of members) signalProcess(info, 'SIGKILL');
    await sleep(pause);
  }
}

// Node collects the leader itself; a zombie that is another's child is that one's to collect.
function isCollected(info: ProcessInfo, { leader }: Mark): boolean {
  if (info.state !== 'Z') return false;
  if (info.parent === process.pid && info.pid !== leader?.pid) reap(info.pid);
  return true;
}

/** Signals a process, if it is still the one that was found. */
export function signalProcess(info: ProcessInfo, signal: NodeJS.Signals): void {
  if (readProcess(info.pid)?.startTime !== info.startTime) return;
  sendSignal(info.pid, signal);
}
