import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { spawnInBackground } from '../background-process.ts';
import { isLocked, replaceRecord, type Store, type TaskName, taskPaths } from '../store/index.ts';
import { makeMemoryFile } from '../sys/index.ts';
import type { Claim } from './claim.ts';
import { blockersOf } from './queue.ts';
import { supervisedBy } from './supervision-state.ts';
import { nudge } from './wakeup-signal.ts';

/**
 * A queued task in the background is a shell of some hundred KiB, which holds the task's lock and, in
 * memory, what its supervisor is to be told. It sleeps until who frees a slot nudges it, or until the
 * kernel frees the lock of a task that it waits for, however that one's holder ended; then it becomes
 * the supervisor. The locks are waited for by flock(1), which gives its descriptors to no one.
 *
 * Arguments: the file that wishes a cancel, the number of locks, the locks (`-`: one that is not seen
 * from here), the supervisor's program. Descriptors: 0 what it is told, 3 the task's lock, 4 a pipe
 * that ends when the record names this process.
 */
const SCRIPT = `
read -r _ <&4
exec 4<&-
cancel=$1 count=$2 watchers=
shift 2
while [ "$count" -gt 0 ]; do
  if [ "$1" != - ] && command -v flock >/dev/null; then
    flock -s -o "$1" sh -c "kill -URG $$" 3>&- </dev/null >/dev/null &
  else
    sh -c "sleep 10; kill -URG $$" 3>&- </dev/null >/dev/null &
  fi
  watchers="$watchers $!"
  shift
  count=$((count - 1))
done
become() {
  kill $watchers
  exec "$@"
}
trap 'become "$@"' URG
trap ': >"$cancel"; become "$@"' INT TERM HUP QUIT
echo ready
exec >/dev/null
wait
sleep 10
become "$@"
`;

const GATE_FD = 4;

/**
 * Leaves a claimed task in the queue to a small process, which becomes `program` when it may be the
 * task's turn; `assignment` is then on its standard input. Returns its pid; throws where it cannot be
 * started, with the claim as it was.
 */
export async function startWaiter(
  claim: Claim,
  assignment: string,
  program: readonly string[],
): Promise<number> {
  const { store, task, record, lock } = claim;
  const paths = taskPaths(store, task);
  const locks = blockersOf(store, task, record.maxRunning).map((other) => lockOf(store, other));
  const args = [`${paths.directory}/cancel`, String(locks.length), ...locks, ...program];
  const told = makeMemoryFile('assignment');
  try {
    // At a position: the reader begins where this descriptor stands.
    writeSync(told, assignment, 0);
    const stdio: StdioOptions = [told, 'pipe', 'ignore', lock.fd, 'pipe'];
    const child = spawnInBackground(['-c', SCRIPT, 'sh', ...args], stdio, 'sh');
    await started(child);
    const pid = child.pid ?? 0;
    replaceRecord(paths.record, record, supervisedBy(store, pid));
    await letGo(child);
    // Whoever freed a slot meanwhile may have nudged nobody.
    if (blockersOf(store, task, record.maxRunning).length === 0) nudge(pid);
    return pid;
  } finally {
    closeSync(told);
  }
}

/** A lock that another machine holds is free here: it is not waited for, but looked at again. */
function lockOf(store: Store, task: TaskName): string {
  const { lock } = taskPaths(store, task);
  return isLocked(lock) ? lock : '-';
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}

/** Opens the waiter's gate, and waits until it can be nudged. */
async function letGo(child: ChildProcess): Promise<void> {
  const gate = child.stdio[GATE_FD] as Writable;
  gate.on('error', () => {});
  await new Promise<void>((resolve) => {
    child.stdout?.once('data', () => resolve());
    child.once('exit', () => resolve());
    gate.end();
  });
  child.stdout?.destroy();
  child.removeAllListeners();
  child.unref();
}

/** How often locks are looked at that cannot be waited for, in milliseconds. */
const LOOK_MS = 10_000;

/**
 * Calls back when a task that another one waits for, in this process, may be past its turn: its lock
 * came free. Until the returned function is called.
 */
export function watchTasks(
  store: Store,
  tasks: readonly TaskName[],
  onChange: () => void,
): () => void {
  const locks = tasks.map((task) => lockOf(store, task)).filter((lock) => lock !== '-');
  const children = locks.map((lock) => {
    const child = spawn('flock', ['-s', '-o', lock, 'true'], { cwd: '/', stdio: 'ignore' });
    child.once('error', () => {});
    child.once('exit', onChange);
    return child;
  });
  const timer = setInterval(onChange, LOOK_MS);
  return () => {
    clearInterval(timer);
    for (const child of children) {
      child.off('exit', onChange);
      child.kill();
    }
  };
}
