import { execFile } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { removeRuns } from '../../src/runner/attempts.ts';
import { createDockerEngine } from '../../src/runner/engines/docker/index.ts';
import { cancel, recover, removeEnded, viewTasks, waitFor } from '../../src/runner/index.ts';
import { openJournal } from '../../src/runner/journal.ts';
import {
  isLocked,
  readEvents,
  replaceRecord,
  type Store,
  type TaskName,
  type TaskSpec,
  takeLockBlocking,
  taskPaths,
} from '../../src/store/index.ts';
import { killSupervisor } from '../support/ending.ts';
import { newLaunch, startRun } from '../support/engine-run.ts';
import { expectFinished, killAtRandom } from '../support/killing.ts';
import { newStore, recordOf, runTask, shell, startTask } from '../support/runner.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);
const image = process.env.TASKFS_TEST_IMAGE ?? '';

const container = (script: string, more: Partial<TaskSpec> = {}): TaskSpec =>
  shell(script, { engine: 'docker', image, cwd: null, ...more });

const containersOf = async (task: string, ...more: string[]): Promise<string[]> => {
  const filters = ['--filter', `name=taskfs-${task}-`, ...more];
  const { stdout } = await execute('docker', ['ps', '-aq', ...filters]);
  return stdout.split('\n').filter((id) => id !== '');
};

/**
 * A container task under a detached supervisor; what is left of it when the test ends is removed.
 */
async function startContainer(store: Store, name: string, script: string): Promise<TaskName> {
  const task = await startTask(store, name, container(script));
  onTestFinished(async () => {
    killSupervisor(store, task);
    for (const id of await containersOf(name)) await execute('docker', ['rm', '-f', id]);
  });
  return task;
}

describe.runIf(image)('a task in a container (needs scripts/with-engine)', () => {
  it('is followed again after its supervisor was killed: each line once, exit code', async () => {
    const store = await newStore();
    const script =
      'i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); sleep 0.01; done; exit 7';
    const task = await startContainer(store, 'followed', script);
    const { log, lock } = taskPaths(store, task);
    // Again and again, at moments that nobody chose.
    for (const lines of [50, 150, 250]) {
      await until('it printed', () => readFileSync(log, 'utf8').split('\n').length > lines);
      expect(killSupervisor(store, task)).toBe(true);
      await until('its lock is free', () => !isLocked(lock));
      const found = await recover(store, { scope: 'unfinished' });
      expect(found).toEqual([{ task, outcome: 'followed', error: null }]);
    }
    const copy = await keepLog(log, 'line 399\n');
    expect(await waitFor(store, task)).toMatchObject({
      status: 'failed',
      exitCode: 7,
      reasonKind: 'exit',
      artifacts: 'sealed',
    });
    expect(copy).toBe(Array.from({ length: 400 }, (_, i) => `line ${i}\n`).join(''));
    expect(await containersOf(task)).toEqual([]);
  });

  it('that ended while nobody looked keeps its exit code', async () => {
    const store = await newStore();
    const task = await startTask(store, 'ended', container('echo here; sleep 1; exit 5'));
    await until('it runs', () => readFileSync(taskPaths(store, task).log, 'utf8') !== '');
    killSupervisor(store, task);
    await until('the container ended', async () => {
      const ended = await containersOf(task, '--filter', 'status=exited');
      return ended.length > 0;
    });
    expect(await waitFor(store, task)).toMatchObject({ status: 'failed', exitCode: 5 });
    expect(await containersOf(task)).toEqual([]);
  });

  it('that somebody else removed is ended as lost, and sealed', async () => {
    const store = await newStore();
    const task = await startTask(store, 'removed', container('echo here; sleep 3600'));
    const [id = ''] = await until('its container is there', async () => {
      const ids = await containersOf(task);
      return ids.length > 0 ? ids : null;
    });
    await until('it runs', () => readFileSync(taskPaths(store, task).log, 'utf8') !== '');
    await execute('docker', ['rm', '-f', id]);
    expect(await waitFor(store, task)).toMatchObject({
      status: 'failed',
      artifacts: 'sealed',
    });
  });

  it('is cancelled, also when it ignores SIGTERM, and leaves no container', async () => {
    const store = await newStore();
    const script = 'trap "" TERM; echo here; while :; do sleep 0.1; done';
    const task: TaskName = await startContainer(store, 'stubborn', script);
    await until('it runs', () => readFileSync(taskPaths(store, task).log, 'utf8') !== '');
    await cancel(store, task);
    expect(await waitFor(store, task)).toMatchObject({
      status: 'cancelled',
      artifacts: 'sealed',
    });
    expect(await containersOf(task)).toEqual([]);
  });

  const kills = process.env.TASKFS_LONG ? 60 : 6;

  it(`survives kill -9 of its supervisor at ${kills} moments (TASKFS_LONG=1: 60)`, async () => {
    const store = await newStore();
    const found = new Set<string>();
    for (let i = 0; i < kills; i++) {
      const script = 'for i in 1 2 3; do echo $i >> $TASKFS_ARTIFACTS/f; sleep 0.1; done';
      const task = await startContainer(store, `random${i}`, script);
      found.add(await killAtRandom(store, task, 1000));
      await waitFor(store, task);
      await until('its supervisor is gone', () => !isLocked(taskPaths(store, task).lock));
      expectFinished(store, task);
      expect(await containersOf(task)).toEqual([]);
    }
    expect([...found].filter((state) => !state.endsWith('/sealed')).length).toBeGreaterThan(0);
  }, 600_000);

  const removedByRecover = async (): Promise<void> => {
    const store = await newStore();
    const { task, name, answerAgain } = await leaveContainer(store);
    expect(recordOf(store, task)).toMatchObject({ unremoved: true });
    const { events } = taskPaths(store, recordOf(store, task).task);
    expect(readEvents(events).at(-1)?.error).toMatch(/still has the container taskfs-task-/);
    answerAgain();
    const options = { scope: 'all' } as const;
    expect(await recover(store, options)).toEqual([{ task, outcome: 'sealed', error: null }]);
    await expect(execute('docker', ['inspect', name])).rejects.toThrow(/no such object/i);
    expect(recordOf(store, task)).toMatchObject({ unremoved: false, leftBehind: [] });
    expect(await recover(store, options)).toEqual([]);
  };

  const removedWithTheTask = async (): Promise<void> => {
    const store = await newStore();
    const { task, name, answerAgain } = await leaveContainer(store);
    const next = await startRun(createDockerEngine(), newLaunch(['true'], { image }));
    const engineState = next.state();
    replaceRecord(taskPaths(store, task).record, recordOf(store, task), { engineState });
    answerAgain();
    expect(await removeEnded(store, task)).toEqual([]);
    for (const container of [name, String(engineState.container)]) {
      await expect(execute('docker', ['inspect', container])).rejects.toThrow(/no such object/i);
    }
  };

  const namedAtRemoval = async (): Promise<void> => {
    const store = await newStore();
    const { task, name } = await leaveContainer(store);
    expect(await removeEnded(store, task)).toEqual([expect.stringContaining(name)]);
    expect(viewTasks(store).tasks).toEqual([]);
  };

  // At once: an engine that does not answer is waited for.
  it('that its engine could not remove is removed by recover or rm later, else named', async () => {
    await Promise.all([removedByRecover(), removedWithTheTask(), namedAtRemoval()]);
  });

  it('is tried again in a fresh container each time', async () => {
    const store = await newStore();
    const script =
      'echo . >> $TASKFS_ARTIFACTS/n; hostname; exit $((2 - $(wc -l < $TASKFS_ARTIFACTS/n)))';
    const { stdout } = await runTask(store, 'again', container(script, { retries: 3 }));
    expect(new Set(stdout.trim().split('\n')).size).toBe(2);
    expect(recordOf(store, 'again').attempts.map(({ exitCode }) => exitCode)).toEqual([1, 0]);
    expect(await containersOf('again')).toEqual([]);
    const { events, staging } = taskPaths(store, recordOf(store, 'again').task);
    expect(readEvents(events).filter(({ type }) => type === 'retrying')).toHaveLength(1);
    expect(existsSync(staging)).toBe(false);
  });
});

/**
 * A sealed task whose container is still there, since its
 * engine did not answer when it was to be removed.
 */
async function leaveContainer(store: Store) {
  await runTask(store, 'left', container('true'));
  const socket = join(temporaryDirectory(), 'docker.sock');
  const endpoint = { host: `unix://${socket}`, certificates: null, verify: false };
  const { state } = await startRun(createDockerEngine(), newLaunch(['sleep', '600'], { image }));
  const { task } = recordOf(store, 'left');
  const paths = taskPaths(store, task);
  const engineState = { ...state(), endpoint };
  const record = replaceRecord(paths.record, recordOf(store, 'left'), { engineState });
  using lock = takeLockBlocking(paths.lock);
  await removeRuns(openJournal({ store, task, record, lock }));
  const answerAgain = (): void =>
    symlinkSync((process.env.DOCKER_HOST ?? '').replace('unix://', ''), socket);
  return { task, name: String(state().container), answerAgain };
}

/** The text of a log once it has its last line, read before sealing takes it away. */
function keepLog(path: string, last: string): Promise<string> {
  return until('the log is whole', () => {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    return text.endsWith(last) ? text : null;
  });
}
