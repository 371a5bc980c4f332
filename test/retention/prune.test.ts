import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { planPrune, recover, removeDecided, removeTasks } from '../../src/runner/index.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

it('leaves a task alone that got the name of one which is to be removed', async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 'again');
  endedTask(store, 'other');
  await recover(store, { scope: 'all' });
  const decisions = planPrune(store, { rules: [], maxAgeMs: -1 });
  await removeTasks(store, [task]);
  endedTask(store, 'again');
  await recover(store, { scope: 'all' });
  expect(await removeDecided(store, decisions)).toMatchObject({
    removed: ['other'],
    failed: [{ task, error: { kind: 'usage', message: 'task again is another one by now' } }],
  });
  expect(existsSync(paths.archive)).toBe(true);
});
