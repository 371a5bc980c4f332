import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../../errors.ts';
import { openRequiredFile, syncDirectory } from '../../files/index.ts';
import { type Store, type TaskName, taskPaths } from '../../store/index.ts';
import { FILES, PARTS } from '../paths.ts';
import type { Seal } from '../seal-record.ts';
import { verifyFiles } from '../verify/files.ts';
import { committedSeal } from './commit.ts';

/**
 * Compares every byte of a committed archive with its seal, and returns that: before plaintext is
 * removed of which another process says that it is in there. That one may have died with its
 * machine, whose disk had not written all that it said it had; or the store is from a backup.
 * Needs no identity. Throws `damaged`.
 */
export async function assertStored(store: Store, task: TaskName): Promise<Seal> {
  const { archive } = taskPaths(store, task);
  const seal = committedSeal(store, task);
  const [found] = verifyFiles(task, archive, seal);
  if (found) throw notStored(archive, found.message);
  for (const file of PARTS.map((part) => FILES[part])) {
    if ((await digestOf(join(archive, file))) === seal.files[file].sha256) continue;
    throw notStored(archive, `${file} of task ${task} is not the file that was sealed`);
  }
  // Whoever renamed it into its place may not have come to this.
  syncDirectory(store.archive);
  return seal;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  const fd = openRequiredFile(path);
  for await (const bytes of createReadStream('', { fd, highWaterMark: STEP })) hash.update(bytes);
  return hash.digest('hex');
}

const STEP = 1024 * 1024;

const notStored = (archive: string, why: string): TaskfsError =>
  new TaskfsError('damaged', `${why}. Move ${archive} away, and it is sealed again`);
