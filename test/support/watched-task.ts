import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import {
  createKeys,
  createRecord,
  createStore,
  hasKeys,
  newRecord,
  parseTaskName,
  readRecord,
  replaceRecord,
  type Store,
  type TaskName,
  type TaskPaths,
  taskPaths,
} from '../../src/store/index.ts';
import type { WatchEvent } from '../../src/watch/event.ts';
import { Watch, type WatchOptions } from '../../src/watch/watch.ts';
import { temporaryDirectory } from './temporary.ts';
import { until } from './until.ts';

/** A task whose record and staging the test moves by hand, as a supervisor would. */
export interface HandMadeTask {
  readonly store: Store;
  readonly task: TaskName;
  readonly paths: TaskPaths;
  /** A path in staging; bytes are taken as they are. */
  file(...parts: (string | number[])[]): Buffer;
  /** The end of a task as its supervisor makes it: sealing, commit, sealed, plaintext removed. */
  seal(): Promise<void>;
}

export function newStore(): Store {
  return createStore(join(temporaryDirectory(), 'store'));
}

/** A running task with an empty staging directory. */
export function handMadeTask(name = 'watched', store = newStore()): HandMadeTask {
  const task = parseTaskName(name);
  const paths = taskPaths(store, task);
  mkdirSync(paths.directory, { mode: 0o700 });
  mkdirSync(paths.staging, { mode: 0o700 });
  const spec = { command: ['true'], cwd: '/', engine: 'process', image: null, env: [] };
  const limits = { timeoutMs: null, retries: 0, maxRunning: null, options: {} };
  const queued = newRecord(task, { ...spec, ...limits });
  createRecord(paths.record, queued);
  replaceRecord(paths.record, queued, { status: 'running' });
  const bytes = (part: string | number[]): Buffer =>
    typeof part === 'string' ? Buffer.from(part) : Buffer.from(part);
  return {
    store,
    task,
    paths,
    file: (...parts) => Buffer.concat([Buffer.from(`${paths.staging}/`), ...parts.map(bytes)]),
    seal: async () => {
      const running = readRecord(paths.record, task);
      const ended = { status: 'completed', artifacts: 'sealing' } as const;
      const sealing = replaceRecord(paths.record, running, ended);
      if (!hasKeys(store)) await createKeys(store);
      await sealTask(store, task);
      replaceRecord(paths.record, sealing, { artifacts: 'sealed' });
      removePlaintext(store, task);
    },
  };
}

/** A watch whose events are gathered as they come. */
export interface Gathered {
  readonly watch: Watch;
  readonly events: WatchEvent[];
  /** Resolves when the watch has ended by itself or was closed. */
  readonly ended: Promise<void>;
  /** Waits until an event of a type was told, about a path where one is given. */
  told(type: WatchEvent['type'], path?: string): Promise<WatchEvent>;
  /** What a reader who replays the events believes to be there: paths as base64 or text. */
  believed(): string[];
}

export function gather(
  store: Store,
  task: TaskName | undefined,
  options: WatchOptions = { debounceMs: 50 },
): Gathered {
  const watch = new Watch(store, task, options);
  onTestFinished(() => watch.close());
  const events: WatchEvent[] = [];
  const ended = (async () => {
    for (let batch = await watch.next(); batch; batch = await watch.next()) events.push(...batch);
  })();
  const told = (type: WatchEvent['type'], path?: string): Promise<WatchEvent> =>
    until(`${type} ${path ?? ''}`, () =>
      events.find((event) => event.type === type && (path === undefined || nameIn(event) === path)),
    );
  return { watch, events, ended, told, believed: () => replay(events) };
}

function nameIn(event: WatchEvent): string | undefined {
  if (!('path' in event)) return undefined;
  return event.pathBase64 ?? event.path;
}

function replay(events: readonly WatchEvent[]): string[] {
  const paths = new Set<string>();
  for (const event of events) {
    const name = nameIn(event);
    if (name === undefined) continue;
    if (event.type === 'add') paths.add(name);
    if (event.type === 'remove') paths.delete(name);
  }
  return [...paths].sort();
}
