import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendToChain } from '../../src/archive/chain.ts';
import { FILES, KEY_FILE, SEAL_FILE } from '../../src/archive/paths.ts';
import {
  digestRecord,
  parseSeal,
  serialiseSeal,
  sha256,
  signed,
} from '../../src/archive/seal-record.ts';
import {
  createRecord,
  loadSigningKey,
  parseTaskName,
  readRecord,
  type Store,
  type TaskName,
  taskPaths,
} from '../../src/store/index.ts';

/**
 * Fills a store with copies of one sealed task, `count` in all, each with a record, a seal and a
 * line of the chain of its own, an hour apart: what a year of tasks leaves, in seconds.
 */
export function copySealedTask(store: Store, name: string, count: number): void {
  const original = parseTaskName(name);
  for (let number = 1; number < count; number++) {
    copyAs(store, original, parseTaskName(`${name}-${number}`), number);
  }
}

const HOUR_MS = 3_600_000;

function copyAs(store: Store, original: TaskName, task: TaskName, number: number): void {
  const [from, to] = [taskPaths(store, original), taskPaths(store, task)];
  const createdAt = new Date(Date.UTC(2026, 0, 1) + number * HOUR_MS).toISOString();
  const record = { ...readRecord(from.record, original), task, createdAt };
  mkdirSync(to.directory, { mode: 0o700 });
  copyFileSync(from.events, to.events);
  writeFileSync(to.lock, '');
  createRecord(to.record, record);

  mkdirSync(to.archive, { mode: 0o700 });
  for (const file of [...Object.values(FILES), KEY_FILE]) {
    copyFileSync(join(from.archive, file), join(to.archive, file));
  }
  const path = join(from.archive, SEAL_FILE);
  const { signature: _, ...body } = parseSeal(readFileSync(path, 'utf8'), path);
  const key = loadSigningKey(store);
  appendToChain(store, key, (previous) => {
    const own = { ...body, task, recordSha256: digestRecord(record), previous };
    const text = serialiseSeal(signed(own, key));
    writeFileSync(join(to.archive, SEAL_FILE), text);
    return { type: 'sealed', task, seal: sha256(text), at: body.sealedAt };
  });
}
