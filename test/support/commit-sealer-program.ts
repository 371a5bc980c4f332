/**
 * Seals task after task, as their supervisors do, each as soon as every reader has seen it in
 * live/, and it is attached there if it is to be. Arguments: the store, a directory in which
 * readers leave a file for each task seen, their names, rounds, where tasks are attached.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { allMounts, waitForWriters } from '../../src/mount/index.ts';
import {
  createKeys,
  openStore,
  readRecord,
  replaceRecord,
  setAside,
} from '../../src/store/index.ts';
import { makeTree, roundName } from './commit-tree.ts';
import { endedTask } from './sealable.ts';
import { until } from './until.ts';

const [storePath = '', seen = '', readers = '', rounds = '0', attachedIn] = process.argv.slice(2);
const DRAIN_MS = 10_000;
const store = openStore(storePath);
await createKeys(store);
for (let round = 0; round < Number(rounds); round++) {
  const { task, paths } = endedTask(store, roundName(round), { artifacts: 'live' });
  // Built aside: it shall be whole from the moment that it can be seen.
  const tree = `${store.path}-tree`;
  mkdirSync(tree);
  makeTree(tree, task);
  renameSync(tree, paths.staging);
  await until(`${task} is seen by all`, () =>
    readers.split(',').every((name) => existsSync(join(seen, `${task}-${name}`))),
  );
  if (attachedIn) {
    const place = join(attachedIn, task);
    await until(`${task} is attached`, () => allMounts().some((one) => one.mountpoint === place));
  }
  const change = (artifacts: 'sealing' | 'sealed'): unknown =>
    replaceRecord(paths.record, readRecord(paths.record, task), { artifacts });
  change('sealing');
  setAside(store, task);
  const writers = await waitForWriters(paths.writers, DRAIN_MS);
  if (!writers) throw new Error(`somebody still writes to ${task}`);
  await sealTask(store, task);
  change('sealed');
  writers.release();
  removePlaintext(store, task);
}
