import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readChain } from '../../src/archive/index.ts';
import { readSeal } from '../../src/archive/seal-record.ts';
import { cancel, startDetached, submit, waitFor } from '../../src/runner/index.ts';
import {
  listTasks,
  readEvents,
  type Store,
  type TaskName,
  type TaskSpec,
  taskPaths,
} from '../../src/store/index.ts';
import { killSupervisor } from '../support/ending.ts';
import { newStore, recordOf, runTask, shell, startTask } from '../support/runner.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

/**
 * Which tasks ran at the same time as others, and in which order they started, from their events.
 */
function history(store: Store): { readonly started: TaskName[]; readonly most: number } {
  const steps = listTasks(store)
    .flatMap((task) => readEvents(taskPaths(store, task).events))
    .filter(({ type }) => type === 'started' || type === 'ended')
    .sort((a, b) => a.at.localeCompare(b.at) || a.type.localeCompare(b.type));
  let running = 0;
  let most = 0;
  for (const { type } of steps) {
    running += type === 'started' ? 1 : -1;
    most = Math.max(most, running);
  }
  const started = steps
    .filter(({ type }) => type === 'started')
    .map(({ task }) => task as TaskName);
  return { started, most };
}

/** Submits tasks one after the other, then starts their supervisors, a few at a time. */
async function startMany(store: Store, names: string[], spec: TaskSpec): Promise<TaskName[]> {
  const claims = names.map((name) => submit(store, { name, spec }));
  for (let at = 0; at < claims.length; at += 4) {
    const some = claims.slice(at, at + 4);
    await Promise.all(some.map((claim) => startDetached(claim, {})));
  }
  return claims.map(({ task }) => task);
}

const numbered = (prefix: string, length: number): string[] =>
  Array.from({ length }, (_, i) => `${prefix}${String(i).padStart(3, '0')}`);

const COUNT = process.env.TASKFS_LONG === '1' ? 200 : 64;
const SLOTS = 8;

describe('the queue', () => {
  it(`runs and seals ${COUNT} tasks (TASKFS_LONG=1: 200), ${SLOTS} at once, in order`, async () => {
    const store = await newStore();
    // All slots are held while the queue fills up: what
    // happens then is decided by the queue alone.
    const maxRunning = SLOTS;
    const holders = await startMany(
      store,
      numbered('h', SLOTS),
      shell('sleep 3600', { maxRunning }),
    );
    for (const task of holders) {
      await until('it runs', () => recordOf(store, task).status === 'running');
    }
    const ran = join(temporaryDirectory(), 'ran');
    const script = `echo "$TASKFS_TASK" >> ${ran}; echo made > "$TASKFS_ARTIFACTS/file"`;
    const tasks = await startMany(store, numbered('t', COUNT), shell(script, { maxRunning }));
    expect(tasks.every((task) => recordOf(store, task).status === 'queued')).toBe(true);
    for (const task of holders) await cancel(store, task, { kill: true });
    for (const task of tasks) await waitFor(store, task);
    const { started, most } = history(store);
    expect(started.slice(SLOTS)).toEqual(tasks);
    expect(most).toBeLessThanOrEqual(SLOTS);
    for (const task of tasks) {
      expect(recordOf(store, task)).toMatchObject({ status: 'completed', artifacts: 'sealed' });
      expect(recordOf(store, task).attempts).toHaveLength(1);
      expect(readSeal(taskPaths(store, task).archive)).toMatchObject({ task, fileCount: 1 });
    }
    expect(readFileSync(ran, 'utf8').trim().split('\n').sort()).toEqual(tasks);
    expect(readChain(store)).toHaveLength(tasks.length + holders.length);
  }, 600_000);

  it('gives the last slot to exactly one of several programs that race for it', async () => {
    const store = await newStore();
    const spec = shell('sleep 0.5', { maxRunning: 1 });
    const runs = await Promise.all(['a', 'b', 'c'].map((name) => runTask(store, name, spec)));
    expect(runs).toMatchObject([{ code: 0 }, { code: 0 }, { code: 0 }]);
    expect(history(store)).toMatchObject({ most: 1, started: { length: 3 } });
  });

  it('is not held up by a waiter that was killed', async () => {
    const store = await newStore();
    const first = await startTask(store, 'first', shell('sleep 3600', { maxRunning: 1 }));
    await until('the first one runs', () => recordOf(store, 'first').status === 'running');
    const dead = await startTask(store, 'dead', shell('true', { maxRunning: 1 }));
    const third = await startTask(store, 'third', shell('true', { maxRunning: 1 }));
    killSupervisor(store, dead);
    await cancel(store, first, { kill: true });
    expect(await waitFor(store, third)).toMatchObject({ status: 'completed' });
    // It has no supervisor any more, and is queued again by whoever looks.
    expect(await waitFor(store, dead)).toMatchObject({ status: 'completed' });
    await waitFor(store, first);
  });
});
