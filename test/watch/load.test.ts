import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { type Gathered, gather, handMadeTask } from '../support/watched-task.ts';

const FILES = 30_000;
const DIRECTORIES = 300;

const believes = (gathered: Gathered, count: number) =>
  until(`${count} paths`, () => gathered.believed().length === count, 60_000);

test('30,000 files made in a burst are told, each once, and so is their removal', async () => {
  const { store, task, file } = handMadeTask();
  const gathered = gather(store, task);
  await gathered.told('ready');
  for (let d = 0; d < DIRECTORIES; d++) mkdirSync(file(`d${d}`));
  for (let i = 0; i < FILES; i++) writeFileSync(file(`d${i % DIRECTORIES}/${i}`), '');
  await believes(gathered, FILES + DIRECTORIES);
  const added = gathered.events.filter(({ type }) => type === 'add');
  expect(added).toHaveLength(FILES + DIRECTORIES);
  appendFileSync(file('d7/7'), 'more');
  await gathered.told('change', 'd7/7');
  for (let d = 0; d < DIRECTORIES; d++) rmSync(file(`d${d}`), { recursive: true });
  await believes(gathered, 0);
  expect(gathered.watch.tasks.get(task)?.tree).toMatchObject({
    files: 0,
    directories: 0,
    bytes: 0,
  });
}, 120_000);

test('in one directory of 30,000 files each kind of change is told', async () => {
  const { store, task, file } = handMadeTask();
  for (let i = 0; i < FILES; i++) writeFileSync(file(`${i}`), '');
  const gathered = gather(store, task);
  await gathered.told('ready');
  appendFileSync(file('17'), 'more');
  expect(await gathered.told('change', '17')).toMatchObject({ size: 4 });
  renameSync(file('18'), file('eighteen'));
  await gathered.told('add', 'eighteen');
  await gathered.told('remove', '18');
  writeFileSync(file('n', [0xff]), 'x');
  await gathered.told('add', Buffer.from('n\xff', 'latin1').toString('base64'));
  expect(gathered.events.filter(({ type }) => type === 'add')).toHaveLength(FILES + 2);
}, 120_000);
