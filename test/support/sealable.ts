import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type ArchiveReader, openArchive, unlockArchive } from '../../src/archive/index.ts';
import {
  createKeys,
  createRecord,
  createStore,
  loadIdentities,
  newRecord,
  type Store,
  type TaskName,
  type TaskPaths,
  type TaskRecord,
  taskPaths,
  taskSpec,
} from '../../src/store/index.ts';
import { temporaryDirectory } from './temporary.ts';

/** A task that has ended and waits to be sealed, in a store of its own. */
export interface SealableTask {
  readonly store: Store;
  readonly task: TaskName;
  readonly paths: TaskPaths;
}

const spec = taskSpec(['make', 'report']);

/** A fresh store with keys. */
export async function storeWithKeys(path = join(temporaryDirectory(), 'store')): Promise<Store> {
  const store = createStore(path);
  await createKeys(store);
  return store;
}

/** Adds a task that has ended to a store: record, an empty staging directory, a log. */
export function endedTask(
  store: Store,
  name: string,
  change: Partial<TaskRecord> = {},
): SealableTask {
  const task = name as TaskName;
  const paths = taskPaths(store, task);
  mkdirSync(paths.directory, { recursive: true, mode: 0o700 });
  mkdirSync(paths.staging, { mode: 0o700 });
  const end = { status: 'completed', artifacts: 'sealing', exitCode: 0 } as const;
  createRecord(paths.record, { ...newRecord(task, spec), ...end, ...change });
  writeFileSync(paths.log, `what ${name} printed\n`, { mode: 0o600 });
  return { store, task, paths };
}

/** The sealed archive of a task, closed when the test ends. */
export async function openSealed(store: Store, task: TaskName): Promise<ArchiveReader> {
  const { archive } = taskPaths(store, task);
  const reader = openArchive(archive, await unlockArchive(archive, await loadIdentities(store)));
  onTestFinished(() => reader.close());
  return reader;
}

/** What a sealed task printed. */
export async function readSealedLog(store: Store, task: TaskName): Promise<string> {
  const reader = await openSealed(store, task);
  const bytes = Buffer.alloc(reader.logSize());
  for (let at = 0; at < bytes.length; ) at += reader.readLog(bytes.subarray(at), at);
  return bytes.toString();
}
