import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { verifyArchives } from '../../src/archive/verify/index.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import { recover } from '../../src/runner/index.ts';
import { removeTask } from '../../src/runner/remove-task.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

it('a task that is removed whose archive did not come to its place is not missed', async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 'cut-short');
  await sealTask(store, task);
  rmSync(paths.archive, { recursive: true });
  removeTask(store, task);
  expect(await verifyArchives(store)).toEqual({ archives: 0, findings: [] });
});

it('a task that is removed while a store is verified is no finding, nor its end', async () => {
  const { store } = endedTask(await storeWithKeys(), 'first');
  const { task } = endedTask(store, 'second');
  await recover(store, { scope: 'all' });
  let isRemoved = false;
  const onProgress = (): void => {
    if (!isRemoved) removeTask(store, task);
    isRemoved = true;
  };
  expect(await verifyArchives(store, { onProgress })).toEqual({ archives: 1, findings: [] });
  await expect(verifyArchives(store, { tasks: [task] })).rejects.toMatchObject({
    kind: 'not-found',
  });
});
