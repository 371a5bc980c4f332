import type { ChildProcess, StdioOptions } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { spawnInBackground } from '../background-process.ts';
import { replaceRecord, taskPaths } from '../store/index.ts';
import { makeMemoryFile } from '../sys/index.ts';
import { hasToWait } from './dependencies.ts';
import type { Claim } from './journal.ts';
import { blockersOf, heldLockOf } from './queue.ts';
import { supervisedBy } from './supervisor-liveness.ts';
import { sendWakeup } from './wakeup-signal.ts';

/**
 * A queued task in the background is a shell of some hundred KiB, which holds the task's lock and,
 * in memory, the assignment of its supervisor. It sleeps until whoever frees a slot wakes it, or
 * until the kernel frees the lock of a task that it waits for, however the holder ended; then it
 * becomes the supervisor. flock(1) waits for the locks, and passes its descriptors on to nobody.
 *
 * Arguments: the file that requests a cancel, the number of locks, the locks (`-`: one that is not
 * seen from here), the supervisor's program. Descriptors: 0 the assignment, 3 the task's lock, 4 a
 * pipe that ends once the record names this process.
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
 * Starts the process of a claimed task that is queued. It becomes `program`, with `assignment` on
 * its standard input, when it may be the task's turn. Returns its pid; throws where it cannot be
 * started, with the claim as it was.
 */
export async function startQueuedProcess(
  claim: Claim,
  assignment: string,
  program: readonly string[],
): Promise<number> {
  const { store, task, record, lock } = claim;
  const paths = taskPaths(store, task);
  const blockers = blockersOf(store, record);
  const locks = blockers.map((other) => heldLockOf(store, other) ?? '-');
  const args = [`${paths.directory}/cancel`, String(locks.length), ...locks, ...program];
  const input = makeMemoryFile('assignment');
  try {
    // At a position: the reader begins where this descriptor stands.
    writeSync(input, assignment, 0);
    const stdio: StdioOptions = [input, 'pipe', 'ignore', lock.fd, 'pipe'];
    const child = spawnInBackground(['-c', SCRIPT, 'sh', ...args], stdio, 'sh');
    await started(child);
    const pid = child.pid ?? 0;
    replaceRecord(paths.record, record, supervisedBy(store, pid));
    await openGate(child);
    // Whoever freed a slot or ended meanwhile may have woken nobody.
    if (!hasToWait(store, record)) sendWakeup(pid);
    return pid;
  } finally {
    closeSync(input);
  }
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}

/** Lets the process begin to wait, and resolves once it can be woken. */
async function openGate(child: ChildProcess): Promise<void> {
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
