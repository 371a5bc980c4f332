import { closeSync, fstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { TaskfsError } from '../../errors.ts';
import { openRequiredFile } from '../../files/index.ts';
import {
  loadVerifyingKey,
  readRecord,
  type Store,
  type TaskName,
  taskPaths,
} from '../../store/index.ts';
import { encodeMember, padding } from '../../tar/index.ts';
import { readGenuineSeal } from '../genuine-seal.ts';
import { openTaskKey, wrapTaskKey } from '../key-file.ts';
import { FILES, KEY_FILE, PARTS, SEAL_FILE } from '../paths.ts';
import { serialiseSeal } from '../seal-record.ts';

/** The public half of the key that the seal is signed with, in PEM. */
export const SIGNER_FILE = 'signing.pub';

const PIECE = 1024 * 1024;
const TAR_END = Buffer.alloc(1024);

/** Throws `usage` where a task is not sealed, `not-found`. */
export function assertShareable(store: Store, task: TaskName): void {
  if (readRecord(taskPaths(store, task).record, task).artifacts === 'sealed') return;
  const message = `task ${task} is not sealed yet: only an archive can be shared`;
  throw new TaskfsError('usage', message, {
    hint: `'taskfs wait ${task}' waits for that; 'taskfs export' copies live files.`,
  });
}

/**
 * A task's archive for other recipients, piece by piece: a tar (docs/format.md, "A shared task").
 * The store's own recipients cannot open it. Throws `wrong-key` where no identity opens the
 * archive, `damaged`.
 */
export async function* writeShare(
  store: Store,
  task: TaskName,
  identities: readonly string[],
  recipients: readonly string[],
): AsyncGenerator<Buffer, void> {
  const { archive } = taskPaths(store, task);
  const seal = readGenuineSeal(store, task);
  const key = await wrapTaskKey(task, await openTaskKey(archive, identities), recipients);
  const signer = loadVerifyingKey(store).export({ type: 'spki', format: 'pem' });
  const time = BigInt(Date.parse(seal.sealedAt)) * 1_000_000n;
  const header = (name: string, size: number): Buffer =>
    memberHeader(`${task}/${name}`, size, time);
  const small: readonly (readonly [string, Buffer])[] = [
    [SEAL_FILE, Buffer.from(serialiseSeal(seal))],
    [SIGNER_FILE, Buffer.from(signer)],
    [KEY_FILE, Buffer.from(key)],
  ];
  for (const [name, content] of small) {
    yield header(name, content.length);
    yield content;
    yield Buffer.alloc(padding(content.length));
  }
  for (const part of PARTS) yield* fileMember(join(archive, FILES[part]), FILES[part], header);
  yield TAR_END;
}

function* fileMember(
  path: string,
  name: string,
  header: (name: string, size: number) => Buffer,
): Generator<Buffer, void> {
  const fd = openRequiredFile(path);
  try {
    const { size } = fstatSync(fd);
    yield header(name, size);
    for (let at = 0; at < size; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, size - at));
      const got = readSync(fd, piece, 0, piece.length, at);
      if (got === 0) throw new TaskfsError('damaged', `${path} was truncated while it was read`);
      yield piece.subarray(0, got);
      at += got;
    }
    yield Buffer.alloc(padding(size));
  } finally {
    closeSync(fd);
  }
}

function memberHeader(path: string, size: number, time: bigint): Buffer {
  const times = { atimeNs: time, mtimeNs: time, ctimeNs: time };
  const facts = { type: 'File', mode: 0o600, uid: 0, gid: 0, size } as const;
  return Buffer.from(encodeMember({ path: Buffer.from(path), ...facts, ...times }));
}
