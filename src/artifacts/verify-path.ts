import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Payload } from '../age/index.ts';
import { CHUNK, ENCRYPTED_CHUNK, openPayload, readChunk } from '../age/index.ts';
import {
  type ArchiveReader,
  FILES,
  type Finding,
  type IndexEntry,
  openArchive,
  storedLength,
  unlockArchive,
} from '../archive/index.ts';
import {
  ContentCheck,
  fromError,
  lossOf,
  type Verified,
  type VerifyOptions,
  type VerifyProgress,
  verifyArchives,
} from '../archive/verify/index.ts';
import { TaskfsError } from '../errors.ts';
import type { TaskName } from '../store/index.ts';
import { type Store, taskPaths } from '../store/index.ts';
import { findEntry } from './archive-tree.ts';

export interface VerifyPathOptions {
  readonly identities: readonly string[];
  readonly kept?: VerifyOptions['kept'];
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/**
 * Checks one file of a sealed task, or all beneath a directory: its seal as `verifyArchives` does
 * quickly, and every byte of what is asked for. Damage is returned. Throws `not-found` where the
 * task or the path is not, `usage` for a path that leads out.
 */
export async function verifyPath(
  store: Store,
  task: TaskName,
  path: Buffer,
  { identities, kept, onProgress }: VerifyPathOptions,
): Promise<Verified> {
  const { findings, ...counts } = await verifyArchives(store, { tasks: [task], kept });
  const { archive } = taskPaths(store, task);
  const found: Finding[] = findings.filter(({ file }) => file !== FILES.log);
  if (found.some(({ kind, file }) => kind === 'missing' && file === null)) {
    return { ...counts, findings: found };
  }
  try {
    const keys = await unlockArchive(archive, identities);
    const reader = openArchive(archive, keys);
    const payload = openPayload(join(archive, FILES.artifacts), keys.artifacts);
    try {
      let bytes = 0;
      for (const named of filesAt(reader, findEntry(task, reader, path), path)) {
        await verifyFile(payload, task, named, found, (more) => {
          bytes += more;
          onProgress?.({ task, done: 0, total: 1, bytes, totalBytes: null });
        });
      }
    } finally {
      closeSync(payload.fd);
      reader.close();
    }
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    if (error.kind !== 'damaged' && error.kind !== 'wrong-key') throw error;
    found.push(fromError(task, archive, error));
  }
  return { ...counts, findings: found };
}

interface Named {
  readonly path: Buffer;
  readonly entry: IndexEntry;
}

/** A file itself, or every file beneath a directory. */
function* filesAt(reader: ArchiveReader, entry: IndexEntry, path: Buffer): Generator<Named> {
  const open: Named[] = [{ path: trimmed(path), entry }];
  for (let here = open.pop(); here; here = open.pop()) {
    if (here.entry.type === 'file') yield here;
    if (here.entry.type !== 'directory') continue;
    for (const { entry: child } of reader.list(here.entry, 0)) {
      const inDirectory = here.path.length === 0 ? [] : [here.path, Buffer.from('/')];
      open.push({ path: Buffer.concat([...inDirectory, child.name]), entry: child });
    }
  }
}

/** Without slashes at its end. */
function trimmed(path: Buffer): Buffer {
  let end = path.length;
  while (end > 0 && path[end - 1] === 0x2f) end--;
  return path.subarray(0, end);
}

async function verifyFile(
  payload: Payload,
  task: TaskName,
  { path, entry }: Named,
  found: Finding[],
  onBytes: (bytes: number) => void,
): Promise<void> {
  const start = entry.offset ?? 0;
  const first = Math.floor(start / CHUNK);
  const end = start + storedLength(entry);
  const check = new ContentCheck(
    [entry].values(),
    (_, problem, lost) => found.push(lossOf(task, path, problem, lost)),
    first * CHUNK,
  );
  for (let number = first; number * CHUNK < Math.min(end, payload.size); number++) {
    const length = Math.min(CHUNK, payload.size - number * CHUNK);
    check.take(length, openOne(payload, number), payload.start + number * ENCRYPTED_CHUNK);
    onBytes(length);
    await nextTurn();
  }
  check.end();
}

function openOne(payload: Payload, number: number): Buffer | undefined {
  try {
    return readChunk(payload, number);
  } catch (error) {
    if (error instanceof TaskfsError && error.kind === 'damaged') return undefined;
    throw error;
  }
}
