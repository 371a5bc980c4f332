import { createHash } from 'node:crypto';
import { TaskfsError } from '../../errors.ts';
import type { FileSeal } from '../seal-record.ts';
import { readThrough } from '../verify/read-through.ts';
import { NotAsWritten } from './segments.ts';

/**
 * Decrypts a file that was just written, all of it, and compares it by hash with what was written into
 * it. Returns what seal.json says of it. Throws NotAsWritten.
 */
export async function readBack(
  path: string,
  fileKey: Uint8Array,
  sha256: string,
): Promise<FileSeal> {
  const hash = createHash('sha256');
  const seal = await readThrough(path, fileKey, ({ plain, at }) => {
    if (!plain) throw new NotAsWritten(at);
    hash.update(plain);
  });
  if (hash.digest('hex') !== sha256) throw new NotAsWritten(0);
  return seal;
}

/** How it is told that a file is not on the disk as it was written. */
export const refused = (path: string, cause: NotAsWritten): TaskfsError =>
  new TaskfsError(
    'failed',
    `what was written to ${path} reads back differently: ${cause.message}`,
    {
      hint: 'The disk may be failing. Nothing was removed.',
      cause,
    },
  );
