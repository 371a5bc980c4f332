import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type Recovery,
  recover,
  startDetached,
  submit,
  viewTasks,
  waitFor,
} from '../../src/runner/index.ts';
import { isLocked, listTasks, type TaskName, taskPaths } from '../../src/store/index.ts';
import { killAll, killSupervisor } from '../support/ending.ts';
import { expectFinished, killAtRandom } from '../support/killing.ts';
import { newStore, recordOf, runTask, shell, startProgram, startTask } from '../support/runner.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);
const options = { scope: 'all' } as const;

describe('recover', () => {
  it('ends a task whose supervisor was killed while it ran, and says so', async () => {
    const store = await newStore();
    const task = await startTask(store, 'one', shell('echo x > $TASKFS_ARTIFACTS/x; sleep 3600'));
    await until('it runs', () => existsSync(`${store.staging}/one/x`));
    expect(await recover(store, options)).toEqual([]);
    killSupervisor(store, task);
    const expected: Recovery = { task, outcome: 'sealed', error: null };
    await until('its lock is free', () => !isLocked(taskPaths(store, task).lock));
    expect(await recover(store, options)).toEqual([expected]);
    expect(recordOf(store, 'one')).toMatchObject({ status: 'failed', reasonKind: 'interrupted' });
    expectFinished(store, task);
    expect(await recover(store, options)).toEqual([]);
  });

  it('finishes each task once, however many recover at the same time', async () => {
    const store = await newStore();
    const tasks: TaskName[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      tasks.push(await startTask(store, name, shell('sleep 3600')));
    }
    for (const task of tasks) {
      await until('it runs', () => recordOf(store, task).status === 'running');
    }
    killAll(store);
    const runs = Array.from({ length: 4 }, () => startProgram(store, 'recover').finished);
    const outputs = (await Promise.all(runs)).map(({ stdout }) => JSON.parse(stdout) as Recovery[]);
    expect(
      outputs
        .flat()
        .map(({ task }) => task)
        .sort(),
    ).toEqual(tasks);
    for (const task of tasks) expectFinished(store, task);
  });

  it('ends a task whose detached supervisor did not start, which its starter is told', async () => {
    const store = await newStore();
    const claim = submit(store, { name: 'one', spec: shell('true') });
    const { execPath } = process;
    process.execPath = '/no/such/program';
    try {
      await expect(startDetached(claim, {})).rejects.toThrow(/task one did not start: .*program/s);
    } finally {
      process.execPath = execPath;
    }
    expect(await recover(store, options)).toMatchObject([{ task: 'one', outcome: 'sealed' }]);
    expect(recordOf(store, 'one')).toMatchObject({ status: 'failed', reasonKind: 'interrupted' });
    expectFinished(store, claim.task);
  });

  it('starts what a submission left that was killed half-way', async () => {
    const store = await newStore();
    const claim = submit(store, { name: 'one', spec: shell('true') });
    claim.lock.release();
    expect(await recover(store, options)).toMatchObject([{ task: 'one', outcome: 'queued' }]);
    expect(await waitFor(store, claim.task)).toMatchObject({ status: 'completed' });
    await until('its lock is free', () => !isLocked(taskPaths(store, claim.task).lock));
    expectFinished(store, claim.task);
  });
});

describe('sealing', () => {
  const long = 'head -c 50000000 /dev/urandom > $TASKFS_ARTIFACTS/big';

  it('that was killed is begun again by recover, and done once', async () => {
    const store = await newStore();
    const task = await startTask(store, 'one', shell(long));
    await until('it is being sealed', () => recordOf(store, 'one').artifacts === 'sealing');
    expect(killSupervisor(store, task)).toBe(true);
    await until('its lock is free', () => !isLocked(taskPaths(store, task).lock));
    expect(recordOf(store, 'one').artifacts).toBe('sealing');
    expect(await recover(store, options)).toMatchObject([{ task, outcome: 'sealed' }]);
    expect(recordOf(store, 'one')).toMatchObject({ status: 'completed', exitCode: 0 });
    expectFinished(store, task);
  });

  it.runIf(process.getuid?.() === 0)(
    'on a full disk keeps staging, says so, and recover does it later (needs root for a tmpfs)',
    async () => {
      const disk = temporaryDirectory();
      await mountTmpfs(disk, '8m');
      const store = await newStore(join(disk, 'store'));
      const fill = 'echo kept > $TASKFS_ARTIFACTS/a; cat /dev/zero > $TASKFS_ARTIFACTS/zeros';
      const { stderr } = await runTask(store, 'one', shell(fill));
      expect(stderr).toMatch(/task one could not be sealed: .*taskfs recover/);
      const record = recordOf(store, 'one');
      expect(record).toMatchObject({ status: 'failed', reasonKind: 'exit', artifacts: 'kept' });
      expect(record.sealError).toMatch(/ENOSPC|no space/i);
      const task = record.task;
      const { staging, archive } = taskPaths(store, task);
      expect(statSync(staging).mode & 0o777).toBe(0o700);
      expect(readFileSync(join(staging, 'a'), 'utf8')).toBe('kept\n');
      expect(existsSync(archive)).toBe(false);
      expect(await recover(store, options)).toMatchObject([{ task, outcome: 'kept' }]);
      await execute('mount', ['-o', 'remount,size=64m', disk]);
      expect(await recover(store, options)).toMatchObject([{ task, outcome: 'sealed' }]);
      expectFinished(store, task);
    },
  );
});

async function mountTmpfs(directory: string, size: string): Promise<void> {
  await execute('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', directory]);
  onTestFinished(async () => {
    await execute('umount', ['-l', directory]);
  });
}

const kills = process.env.TASKFS_LONG ? 200 : 20;

describe('kill -9 at random moments', () => {
  it(`loses nothing: ${kills} times (TASKFS_LONG=1: 200)`, async () => {
    const store = await newStore();
    const found = new Set<string>();
    for (let i = 0; i < kills; i++) {
      const script = 'for i in 1 2 3; do echo $i >> $TASKFS_ARTIFACTS/f; sleep 0.01; done';
      const task = await startTask(store, `t${i}`, shell(script));
      found.add(await killAtRandom(store, task, 300));
      const recovered = await recover(store, { ...options, scope: i % 2 ? 'all' : 'unfinished' });
      // Killed before its start, it was queued again.
      if (recovered.some(({ outcome }) => outcome === 'queued')) await waitFor(store, task);
      await until('its lock is free', () => !isLocked(taskPaths(store, task).lock));
      expectFinished(store, task);
    }
    // It proves something only if supervisors died before
    // the end; of many, while running and sealing.
    const cutShort = [...found].filter((state) => !state.endsWith('/sealed'));
    expect(cutShort.length).toBeGreaterThanOrEqual(process.env.TASKFS_LONG ? 2 : 1);
    expect(listTasks(store)).toHaveLength(kills);
    const { tasks } = viewTasks(store);
    expect(tasks.every(({ supervisorPid }) => supervisorPid === null)).toBe(true);
    expect(readdirSync(`${store.tasks}/.queue`)).toEqual(['lock']);
  }, 600_000);
});
