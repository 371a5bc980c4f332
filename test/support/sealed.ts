import { onTestFinished } from 'vitest';
import { type ArchiveReader, openArchive, unlockArchive } from '../../src/archive/index.ts';
import { loadIdentities, type Store, type TaskName, taskPaths } from '../../src/store/index.ts';

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
