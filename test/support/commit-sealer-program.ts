/**
 * Seals task after task, as their supervisors do, each as soon as every reader has seen it in live/.
 * Arguments: the store, a directory in which readers leave a file for each task seen, their names,
 * rounds.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { createKeys, openStore, readRecord, replaceRecord } from '../../src/store/index.ts';
import { makeTree, roundName } from './commit-tree.ts';
import { endedTask } from './sealable.ts';
import { until } from './until.ts';

const [storePath = '', seen = '', readers = '', rounds = '0'] = process.argv.slice(2);
const store = openStore(storePath);
await createKeys(store);
for (let round = 0; round < Number(rounds); round++) {
  const { task, paths } = endedTask(store, roundName(round));
  // Built aside: it shall be whole from the moment that it can be seen.
  const tree = `${store.path}-tree`;
  mkdirSync(tree);
  makeTree(tree, task);
  renameSync(tree, paths.staging);
  await until(`${task} is seen by all`, () =>
    readers.split(',').every((name) => existsSync(join(seen, `${task}-${name}`))),
  );
  await sealTask(store, task);
  replaceRecord(paths.record, readRecord(paths.record, task), { artifacts: 'sealed' });
  removePlaintext(store, task);
}
