/**
 * `scripts/bench archive`: sealing and reading archives, with tar | age in the same run on the same
 * disk, then reading through a mount, as root with dropped caches, with the plain trees and gocryptfs.
 * `scripts/bench archive seal` and `… read` do one of them. Sizes: TASKFS_BENCH_MIB (default 1024)
 * and TASKFS_BENCH_FILES (default 20000; listings are also measured over five times as many).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createStore,
  newRecord,
  type Store,
  type TaskName,
  taskPaths,
} from '../src/store/index.ts';
import { createKeys, loadIdentities, loadRecipients } from '../src/store/keys.ts';
import { createRecord } from '../src/store/record.ts';
import { type ArchiveReader, type IndexEntry, openArchive } from '../src/store/seal/reader.ts';
import { unlockArchive } from '../src/store/seal/unlock.ts';
import { AT, removeTree } from '../src/sys/index.ts';
import { benchReading } from './archive/reading.ts';
import { header, rowLine } from './live/table.ts';

const MIB = 1024 * 1024;
const mib = Number(process.env.TASKFS_BENCH_MIB ?? 1024);
const count = Number(process.env.TASKFS_BENCH_FILES ?? 20_000);
const ROUNDS = 3;
const program = join(import.meta.dirname, 'archive-seal.ts');

function newTask(store: Store, name: string): string {
  const task = name as TaskName;
  const paths = taskPaths(store, task);
  mkdirSync(paths.directory);
  mkdirSync(paths.staging, { mode: 0o700 });
  const spec = { command: ['bench'], cwd: null, engine: 'process', image: null, env: [] };
  const rest = { timeoutMs: null, retries: 0, maxRunning: null, options: {} };
  const ended = { status: 'completed', artifacts: 'sealing' } as const;
  createRecord(paths.record, { ...newRecord(task, { ...spec, ...rest }), ...ended });
  return paths.staging;
}

function fillLarge(staging: string): void {
  const block = Buffer.alloc(MIB);
  const fd = openSync(join(staging, 'large'), 'w');
  for (let at = 0; at < mib; at++) {
    block.fill(`${at} of one large file, `);
    writeSync(fd, block);
  }
}

function fillSmall(staging: string): void {
  for (let directory = 0; directory < Math.ceil(count / 100); directory++) {
    const path = join(staging, `directory-${directory}`);
    mkdirSync(path);
    for (let file = 0; file < 100; file++)
      writeFileSync(join(path, `file-${file}`), Buffer.alloc(1024, `${file}`));
  }
}

const seconds = (action: () => void): number => {
  const start = performance.now();
  action();
  return (performance.now() - start) / 1000;
};

function print(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(52)} ${figure}\n`);
}

/** As careful as sealing is: the output is made durable before it counts as done. */
function tarAge(store: Store, staging: string): number {
  const [recipient = ''] = loadRecipients(store);
  const script = 'tar -C "$1" -c . | age -r "$2" > "$3" && sync "$3" && rm "$3"';
  const output = join(store.path, 'peer.age');
  return seconds(() => execFileSync('bash', ['-c', script, '-', staging, recipient, output]));
}

async function benchSeal(
  store: Store,
  name: string,
  fill: (staging: string) => void,
): Promise<void> {
  const staging = newTask(store, name);
  fill(staging);
  execFileSync('sync');
  const peer = tarAge(store, staging);
  const sealed = JSON.parse(
    execFileSync(process.execPath, [program, store.path, name], { encoding: 'utf8' }),
  ) as {
    ms: number;
    rssMib: number;
    bytes: number;
  };
  const ours = sealed.ms / 1000;
  print(`${name}: tar | age`, `${peer.toFixed(2)} s`);
  print(
    `${name}: seal, with read-back`,
    `${ours.toFixed(2)} s, ${(sealed.bytes / MIB / ours).toFixed(0)} MiB/s`,
  );
  print(`${name}: seal against tar | age`, `${(peer / ours).toFixed(2)}x`);
  print(`${name}: peak memory`, `${sealed.rssMib.toFixed(0)} MiB`);
}

function* files(reader: ArchiveReader, directory: IndexEntry): Generator<IndexEntry> {
  for (const { entry } of reader.list(directory, 0)) {
    if (entry.type === 'directory') yield* files(reader, entry);
    else yield entry;
  }
}

async function benchRead(store: Store, name: string): Promise<void> {
  const { archive } = taskPaths(store, name as TaskName);
  const reader = openArchive(archive, await unlockArchive(archive, await loadIdentities(store)));
  const into = Buffer.alloc(MIB);
  let bytes = 0;
  let number = 0;
  const spent = seconds(() => {
    for (const file of files(reader, reader.root())) {
      number++;
      for (let at = 0; at < file.size; at += into.length) bytes += reader.read(file, into, at);
    }
  });
  reader.close();
  print(
    `${name}: read all ${number} files`,
    `${spent.toFixed(2)} s, ${(bytes / MIB / spent).toFixed(0)} MiB/s`,
  );
}

const directory = mkdtempSync(join(process.env.TASKFS_BENCH_DIR ?? tmpdir(), 'taskfs-bench-'));
const [, , only] = process.argv;
try {
  if (only !== 'read') {
    const store = createStore(join(directory, 'store'));
    await createKeys(store);
    await benchSeal(store, 'large', fillLarge);
    await benchRead(store, 'large');
    await benchSeal(store, 'small', fillSmall);
    await benchRead(store, 'small');
  }
  if (only !== 'seal' && process.getuid?.() === 0) {
    const store = createStore(join(directory, 'reading'));
    await createKeys(store);
    const sizes = { mib, files: count, rounds: ROUNDS };
    const { columns, rows } = await benchReading(
      directory,
      store,
      (name) => newTask(store, name),
      sizes,
    );
    process.stdout.write(`${[...header(columns), ...rows.map(rowLine)].join('\n')}\n`);
  }
} finally {
  removeTree(AT.FDCWD, directory);
}
