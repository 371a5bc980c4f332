import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  cancel,
  followEvents,
  readAllEvents,
  viewTask,
  viewTasks,
  waitFor,
} from '../../src/runner/index.ts';
import { unfinishedTasks } from '../../src/runner/queue-tickets.ts';
import type { TaskEvent } from '../../src/store/index.ts';
import { newStore, runTask, shell, startTask } from '../support/runner.ts';
import { until } from '../support/until.ts';

describe('the feed of events', () => {
  it('gives each event of each task once, in order, also if it ends between polls', async () => {
    const store = await newStore();
    await runTask(store, 'before', shell('true'));
    const controller = new AbortController();
    const seen: TaskEvent[] = [];
    const following = (async () => {
      for await (const event of followEvents(store, { signal: controller.signal }))
        seen.push(event);
    })();
    for (const name of ['a', 'b', 'c']) await runTask(store, name, shell('true'));
    await until('all was told', () => seen.filter(({ type }) => type === 'sealed').length === 3);
    controller.abort();
    await following;
    expect(seen.map(({ task, type }) => `${task} ${type}`)).toEqual(
      ['a', 'b', 'c'].flatMap((task) =>
        ['submitted', 'started', 'ended', 'sealed'].map((type) => `${task} ${type}`),
      ),
    );
    expect(readAllEvents(store)).toHaveLength(16);
    expect(readAllEvents(store).slice(4)).toEqual(seen);
  });

  it('misses nothing of a task that ends while what came before is still being read', async () => {
    const store = await newStore();
    const task = await startTask(store, 'one', shell('sleep 3600'));
    const events = followEvents(store, { fromStart: true, signal: AbortSignal.timeout(30_000) });
    const seen = [(await events.next()).value?.type];
    await cancel(store, task);
    await waitFor(store, task);
    await until('it has left the queue', () => unfinishedTasks(store).length === 0);
    for await (const { type } of events) {
      seen.push(type);
      if (type === 'sealed') break;
    }
    expect(seen).toEqual(readAllEvents(store).map(({ type }) => type));
  });
});

describe('the view of all tasks', () => {
  it('shows the others where one record is damaged, and names it', async () => {
    const store = await newStore();
    for (const name of ['a', 'b']) await runTask(store, name, shell('true'));
    writeFileSync(join(store.tasks, 'a', 'task.json'), '{');
    const { tasks, unreadable } = viewTasks(store);
    expect(tasks.map(({ task }) => task)).toEqual(['b']);
    expect(unreadable).toMatchObject([
      { task: 'a', error: { message: expect.stringMatching(/record of task a .*unreadable/) } },
    ]);
  });
});

describe('the view of a task', () => {
  it('names the supervisor only while it lives', async () => {
    const store = await newStore();
    const task = await startTask(store, 'one', shell('sleep 3600'));
    await until('it runs', () => viewTask(store, task).status === 'running');
    const { supervisorPid } = viewTask(store, task);
    expect(supervisorPid).toBeGreaterThan(0);
    process.kill(supervisorPid ?? 0, 'SIGKILL');
    await until('it is gone', () => viewTask(store, task).supervisorPid === null);
    await waitFor(store, task);
    expect(viewTasks(store).tasks).toMatchObject([
      { task: 'one', supervisorPid: null, artifacts: 'sealed' },
    ]);
    expect(viewTask(store, task)).not.toHaveProperty('engineState');
  });
});
