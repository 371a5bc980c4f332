import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cancel, pause, resume, viewTask, waitFor } from '../../src/runner/index.ts';
import {
  parseTaskName,
  readEvents,
  type Store,
  type TaskName,
  taskPaths,
} from '../../src/store/index.ts';
import { newStore, recordOf, shell, startProgram, startTask } from '../support/runner.ts';
import { until } from '../support/until.ts';

const logOf = (store: Store, task: TaskName): string =>
  readFileSync(taskPaths(store, task).log, 'utf8');

const startAndWaitFor = async (store: Store, words: string, script: string): Promise<TaskName> => {
  const task = await startTask(store, 'one', shell(script));
  await until(`it printed ${words}`, () => logOf(store, task).includes(words));
  return task;
};

describe('cancel', () => {
  it('sends SIGTERM to every process of the group, and the task is sealed', async () => {
    const store = await newStore();
    const script = `sh -c '
        trap "echo child > $TASKFS_ARTIFACTS/child; exit" TERM
        echo ready; while :; do sleep 0.05; done' &
      trap 'wait $!; echo parent; exit 9' TERM; while :; do sleep 0.05; done`;
    const task = await startAndWaitFor(store, 'ready', script);
    expect(await cancel(store, task)).toBe(true);
    expect(await waitFor(store, task)).toMatchObject({
      status: 'cancelled',
      reasonKind: 'cancelled',
      exitCode: 9,
      artifacts: 'sealed',
    });
    expect(await cancel(store, task)).toBe(false);
  });

  it('kills what ignores SIGTERM after the grace period, and at once when asked to', async () => {
    const store = await newStore();
    const script = 'trap "" TERM; echo ready; while :; do sleep 0.05; done';
    const task = await startAndWaitFor(store, 'ready', script);
    await cancel(store, task);
    expect(await waitFor(store, task)).toMatchObject({ signal: 'SIGKILL' });

    const patient = shell(script, { options: { graceMs: 3_600_000 } });
    const second = await startTask(store, 'two', patient);
    await until('it is ready', () => logOf(store, second).includes('ready'));
    await cancel(store, second);
    await cancel(store, second, { kill: true });
    expect(await waitFor(store, second)).toMatchObject({
      status: 'cancelled',
      signal: 'SIGKILL',
    });
  });

  it('ends a queued task, which then never starts', async () => {
    const store = await newStore();
    const first = await startTask(store, 'first', shell('sleep 60', { maxRunning: 1 }));
    const second = await startTask(store, 'second', shell('echo ran', { maxRunning: 1 }));
    await until('the first one runs', () => recordOf(store, 'first').status === 'running');
    expect(recordOf(store, 'second').status).toBe('queued');
    await cancel(store, second);
    expect(await waitFor(store, second)).toMatchObject({
      status: 'cancelled',
      artifacts: 'sealed',
      startedAt: null,
      attempts: [],
    });
    await cancel(store, first, { kill: true });
    await waitFor(store, first);
  });

  it('by SIGINT to a foreground run: the first one asks, the second one kills', async () => {
    const store = await newStore();
    const spec = shell('trap "" TERM; echo ready; while :; do sleep 0.05; done', {
      options: { graceMs: 3_600_000 },
    });
    const { child, finished } = startProgram(store, 'run', { name: 'one', spec });
    child.stdout?.once('data', () => child.kill('SIGINT'));
    const { events } = taskPaths(store, parseTaskName('one'));
    await until('it was asked to stop', () =>
      readEvents(events).some(({ type }) => type === 'stopping'),
    );
    child.kill('SIGINT');
    await finished;
    expect(recordOf(store, 'one')).toMatchObject({
      status: 'cancelled',
      signal: 'SIGKILL',
      artifacts: 'sealed',
    });
  });

  it('ends a task whose supervisor was killed', async () => {
    const store = await newStore();
    const task = await startAndWaitFor(store, 'ready', 'echo ready; sleep 60');
    process.kill(recordOf(store, 'one').supervisorPid ?? 0, 'SIGKILL');
    await until('nobody supervises it', () => viewTask(store, task).supervisorPid === null);
    await cancel(store, task);
    expect(await waitFor(store, task)).toMatchObject({
      status: 'cancelled',
      artifacts: 'sealed',
    });
  });
});

describe('pause', () => {
  it('stops a task until resume', async () => {
    const store = await newStore();
    const script = 'while :; do echo tick; sleep 0.01; done';
    const task = await startAndWaitFor(store, 'tick', script);
    await pause(store, task);
    expect(recordOf(store, 'one')).toMatchObject({ status: 'running', paused: true });
    await until('nothing is printed any more', async () => {
      const before = logOf(store, task);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return logOf(store, task) === before;
    });
    const stopped = logOf(store, task).length;
    await resume(store, task);
    await until('it goes on', () => logOf(store, task).length > stopped);
    await cancel(store, task);
    await waitFor(store, task);
  });

  it('does not keep a task from being cancelled', async () => {
    const store = await newStore();
    const task = await startAndWaitFor(store, 'ready', 'echo ready; sleep 60');
    await pause(store, task);
    await cancel(store, task);
    expect(await waitFor(store, task)).toMatchObject({
      status: 'cancelled',
      signal: 'SIGTERM',
      paused: false,
    });
  });

  it('is refused for a task that does not run', async () => {
    const store = await newStore();
    const task = await startTask(store, 'one', shell('true'));
    await waitFor(store, task);
    await expect(pause(store, task)).rejects.toThrow(/has ended: it cannot be paused/);
  });
});
