import { existsSync } from 'node:fs';
import { TaskfsError, unlessNotFound } from '../errors.ts';
import {
  findStaging,
  isFinal,
  isLocked,
  readRecord,
  type Store,
  type Supervisor,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import { fileSystemOf, type LockReach, type Machine, thisMachine } from '../sys/index.ts';
import { readProcess } from './engines/process/processes.ts';

/**
 * Who supervises a task, where its lock alone does not say. A lock that is free means that nobody
 * does, unless its holder is on another machine, or beyond a file system that does not carry locks
 * (sshfs, SMB, NFS without them), or the store is a copy of the one whose lock is held: a task that
 * may be supervised there is left alone.
 */

const here: Machine = thisMachine();

const reaches = new Map<string, LockReach>();

/** How far the locks of a store reach. */
export function lockReach(store: Store): LockReach {
  const known = reaches.get(store.path);
  if (known) return known;
  const { locks } = fileSystemOf(store.path);
  reaches.set(store.path, locks);
  return locks;
}

/** What to know of a store whose locks not everybody sees; undefined where all do. */
export function lockWarning(store: Store): string | undefined {
  const { type, locks } = fileSystemOf(store.path);
  if (locks !== 'mount') return undefined;
  return (
    `the store lies on ${type}, which does not carry locks between machines: use it from one at ` +
    'a time. Tasks of another one are left alone'
  );
}

/** What the record says of this process as a task's supervisor. */
export const supervisedHere = (store: Store): Supervised => supervisedBy(store, process.pid);

type Supervised = Pick<TaskRecord, 'supervisorPid' | 'supervisor'>;

/** The same of another process, which holds the task's lock from now on. */
export function supervisedBy(store: Store, pid: number): Supervised {
  const startTime = readProcess(pid)?.startTime ?? 0;
  return {
    supervisorPid: pid,
    supervisor: { ...here, pid, startTime, locks: lockReach(store) },
  };
}

/** Whether a record names this very process: a pid alone may be that of another machine or boot. */
export function isSupervisedByMe({ supervisor }: TaskRecord): boolean {
  if (!supervisor || supervisor.pid !== process.pid || supervisor.boot !== here.boot) return false;
  return supervisor.startTime === readProcess(process.pid)?.startTime;
}

/**
 * The supervisor on another machine, or out of sight on this one, that a task whose lock is free
 * may still have; undefined where it has none. Settled tasks have none.
 */
export function supervisorElsewhere(store: Store, record: TaskRecord): Supervisor | undefined {
  const { supervisor } = record;
  if (!supervisor || !mayLive(supervisor, reachOf(store, supervisor))) return undefined;
  return isSettled(store, record) || isSettledNow(store, record.task) ? undefined : supervisor;
}

/**
 * The same for whoever has not taken the task's lock: a supervisor that is seen to hold it is here,
 * and no other.
 */
export const unseenSupervisor = (store: Store, record: TaskRecord): Supervisor | undefined =>
  isLocked(taskPaths(store, record.task).lock) ? undefined : supervisorElsewhere(store, record);

/** It may have ended, and let go of its lock, since its record was read. */
function isSettledNow(store: Store, task: TaskName): boolean {
  const record = unlessNotFound(() => readRecord(taskPaths(store, task).record, task));
  return record === undefined || isSettled(store, record);
}

/** How far a lock reaches that this supervisor took, and that is looked at here. */
const reachOf = (store: Store, { locks }: Supervisor): LockReach => weaker(locks, lockReach(store));

const weaker = (one: LockReach, other: LockReach): LockReach => {
  if (one === 'mount' || other === 'mount') return 'mount';
  return one === 'network' || other === 'network' ? 'network' : 'machine';
};

/**
 * Whether a task needs no supervisor any more: kept, or
 * sealed and its plaintext removed, or said why not.
 */
export function isSettled(
  store: Store,
  { task, status, artifacts, plaintext = null }: TaskRecord,
): boolean {
  if (!isFinal(status)) return false;
  if (artifacts === 'kept' || plaintext !== null) return true;
  const paths = taskPaths(store, task);
  return artifacts === 'sealed' && findStaging(paths) === undefined && !existsSync(paths.log);
}

/** Whether a task has a supervisor, or may have one elsewhere. */
export function isSupervised(store: Store, record: TaskRecord): boolean {
  const { lock } = taskPaths(store, record.task);
  return isLocked(lock) || supervisorElsewhere(store, record) !== undefined;
}

/** Whether a supervisor may be alive though its lock is free. */
function mayLive(supervisor: Supervisor, locks: LockReach): boolean {
  if (supervisor.boot === here.boot) {
    // A process that lives, and whose lock would be seen, holds that of the store that this one was
    // copied from, and the task's processes or container are that one's.
    return locks === 'mount' ? mayLiveHere(supervisor) : isSeenAlive(supervisor);
  }
  if (supervisor.id !== '' && here.id !== '' && supervisor.id !== here.id) return true;
  // A file system of one machine: that machine was started again since.
  if (locks === 'machine') return false;
  // Clones share the id; where locks are not seen, a clone looks like this machine's last boot.
  return locks === 'mount' || supervisor.id !== here.id || supervisor.host !== here.host;
}

/** On this kernel: seen where its pid means the same here. */
const mayLiveHere = (supervisor: Supervisor): boolean =>
  supervisor.pidNamespace !== here.pidNamespace || isAlive(supervisor);

/** Another process than this one, which may have let go of the lock. */
const isSeenAlive = (supervisor: Supervisor): boolean =>
  supervisor.pidNamespace === here.pidNamespace &&
  supervisor.pid !== process.pid &&
  isAlive(supervisor);

function isAlive({ pid, startTime }: Supervisor): boolean {
  const found = readProcess(pid);
  return found !== undefined && found.state !== 'Z' && found.startTime === startTime;
}

/** Refuses what only a task's supervisor may do, where that may live elsewhere. */
export function assertNotElsewhere(store: Store, record: TaskRecord): void {
  const elsewhere = unseenSupervisor(store, record);
  if (!elsewhere) return;
  const message = `task ${record.task} is supervised by ${describeElsewhere(elsewhere)}`;
  throw new TaskfsError('usage', message, { hint: hintElsewhere(elsewhere) });
}

/**
 * Refuses what only a task's supervisor may do, or its processes, where those are of the store that
 * this one was copied from: nobody follows what is asked here.
 */
export function assertNotOfCopy(store: Store, record: TaskRecord): void {
  const elsewhere = unseenSupervisor(store, record);
  if (elsewhere?.boot !== here.boot || reachOf(store, elsewhere) === 'mount') return;
  const message = `task ${record.task} runs in the store that ${store.path} was copied from`;
  throw new TaskfsError('failed', message, {
    hint: `Process ${elsewhere.pid} supervises it there. Nobody follows what is asked in a copy.`,
  });
}

/** Says to a person that a task is left alone, and what to do where that is wrong. */
export const describeLeftAlone = (task: TaskName, supervisor: Supervisor): string =>
  `Task ${task} is supervised by ${describeElsewhere(supervisor)}. ${hintElsewhere(supervisor)}`;

const hintElsewhere = ({ host }: Supervisor): string =>
  `It is left alone. If that is gone for good: 'taskfs recover --machine-gone ${host}'.`;

/** Names a supervisor elsewhere, for people. */
export function describeElsewhere({ host, pid, boot }: Supervisor): string {
  if (boot !== here.boot) return `process ${pid} on machine ${host}`;
  return `process ${pid} of ${host}, whose lock is not seen from here`;
}
