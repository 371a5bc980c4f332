import { setTimeout as sleep } from 'node:timers/promises';
import { TaskfsError } from '../errors.ts';
import {
  cwdOf,
  isFinal,
  readRecord,
  type Store,
  type TaskName,
  type TaskRecord,
  taskPaths,
} from '../store/index.ts';
import { monotonicMs } from '../sys/index.ts';
import { loadEngine } from './engines/registry.ts';
import type { RunHandle } from './engines/run-handle.ts';
import { assertNotOfCopy } from './supervisor-liveness.ts';

/** How long a task's start is waited for, in milliseconds: `run -d` returns before it. */
const PATIENCE_MS = 10_000;
const POLL_MS = 20;

/**
 * The run of a task that runs, wherever its supervisor is: for a further command, a signal, its
 * input, or what it uses. Its start is waited for, not for long. Throws `usage` where
 * nothing of it runs, `failed` where its engine does not reach it, as on another node, or where it
 * runs in the store that this one was copied from.
 */
export async function reachRun(
  store: Store,
  task: TaskName,
  { patienceMs = PATIENCE_MS }: { readonly patienceMs?: number } = {},
): Promise<RunHandle> {
  const deadline = monotonicMs() + patienceMs;
  for (;;) {
    const record = readRecord(taskPaths(store, task).record, task);
    if (isFinal(record.status)) throw notRunning(record);
    assertNotOfCopy(store, record);
    const run = record.status === 'running' ? await tryReach(store, record) : undefined;
    if (run) return run;
    if (monotonicMs() >= deadline) {
      throw record.status === 'queued' ? notRunning(record) : notThere(task);
    }
    await sleep(POLL_MS);
  }
}

async function tryReach(store: Store, record: TaskRecord): Promise<RunHandle | undefined> {
  const { task, engineState, options, paused } = record;
  const engine = await loadEngine(record.engine);
  if (!engineState) return undefined;
  const { staging } = taskPaths(store, task);
  return engine.reach(engineState, { task, cwd: cwdOf(record), staging, options, paused });
}

function notRunning({ task, status, artifacts }: TaskRecord): TaskfsError {
  const how = artifacts === 'sealed' ? 'is sealed' : `is ${status}`;
  return new TaskfsError('usage', `task ${task} ${how}: it has no running process`, {
    hint:
      status === 'queued'
        ? "It waits for its turn: 'taskfs ps' shows what runs."
        : `'taskfs rerun ${task}' runs it again, as a new task.`,
  });
}

const notThere = (task: TaskName): TaskfsError =>
  new TaskfsError('usage', `task ${task} has no running process: it is starting or ending`, {
    hint: `'taskfs status ${task}' says how it stands; an image may have to be fetched first.`,
  });
