import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { planPrune, recover, removeDecided, removeTasks } from '../../src/runner/index.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

it('decides about no task of which an edit was not written back', async () => {
  const { store } = endedTask(await storeWithKeys(), 'edited');
  endedTask(store, 'other');
  await recover(store, { scope: 'all' });
  mkdirSync(join(store.path, 'edits/edited-a1b2c3'), { recursive: true });
  const decisions = planPrune(store, { rules: [], maxAgeMs: -1 });
  expect(decisions).toMatchObject([{ task: 'other', keep: false }]);
});

it('keeps the newest where the chain of seals is lost', async () => {
  const { store } = endedTask(await storeWithKeys(), 'older');
  await recover(store, { scope: 'all' });
  endedTask(store, 'newer');
  await recover(store, { scope: 'all' });
  rmSync(join(store.path, 'seals.jsonl'));
  const kept = planPrune(store, { rules: [{ select: {}, keep: { last: 1 } }] });
  expect(kept.filter(({ keep }) => keep)).toMatchObject([{ task: 'newer' }]);
});

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
