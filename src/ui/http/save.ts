import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { openEditCopy } from '../../artifacts/index.ts';
import { type Store, showPath, type TaskName } from '../../store/index.ts';
import type { SaveResult } from '../protocol.ts';

/** Somebody else's content is where something was to be put: nothing was changed. */
export class Conflict extends Error {}

/**
 * Puts an edited text into a live task's file, if that still has the content, by its sha256 in
 * hexadecimal, that the editing began with. Throws `Conflict`, and as `openEditCopy`.
 */
export async function saveEdit(
  store: Store,
  task: TaskName,
  path: Buffer,
  { before, content }: { readonly before: string; readonly content: Uint8Array },
): Promise<SaveResult> {
  using copy = openEditCopy(store, task, path);
  if (!existsSync(copy.path) || (await sha256Of(copy.path)) !== before) {
    throw new Conflict(`'${showPath(path)}' was changed by the task meanwhile`);
  }
  writeFileSync(copy.path, content);
  return copy.save();
}

/**
 * Puts a new file into a live task, or replaces one that is there, once all of it has arrived.
 * Throws `Conflict` where it is there and not to be replaced, and as `openEditCopy`.
 */
export async function saveUpload(
  store: Store,
  task: TaskName,
  path: Buffer,
  { body, replace }: { readonly body: WebStream | null; readonly replace: boolean },
): Promise<SaveResult> {
  using copy = openEditCopy(store, task, path);
  if (existsSync(copy.path) && !replace) throw new Conflict(`'${showPath(path)}' is there already`);
  const content = body === null ? Readable.from([]) : Readable.fromWeb(body);
  await pipeline(content, createWriteStream(copy.path));
  return copy.save();
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
