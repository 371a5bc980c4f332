import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Artifacts,
  createRecord,
  isFinal,
  newRecord,
  parseTaskName,
  RecordCache,
  readRecord,
  replaceRecord,
  type Status,
  storeAt,
  type TaskSpec,
  taskPaths,
} from '../../src/store/index.ts';
import { mayFollow, type State } from '../../src/store/status.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const spec: TaskSpec = {
  command: ['true'],
  cwd: '/',
  engine: 'process',
  image: null,
  env: [],
  timeoutMs: null,
  retries: 0,
  maxRunning: null,
  options: {},
};
const task = parseTaskName('one');

const newPath = (): string => {
  const path = join(temporaryDirectory(), 'one', 'task.json');
  mkdirSync(dirname(path));
  return path;
};

describe('records', () => {
  it('come back as they were written, and leave no temporary file', () => {
    const path = newPath();
    const record = newRecord(task, spec);
    createRecord(path, record);
    expect(readRecord(path, task)).toEqual(record);
    const running = replaceRecord(path, record, { status: 'running' });
    expect(readRecord(path, task)).toEqual(running);
    expect(readdirSync(dirname(path))).toEqual(['task.json']);
  });

  it('say what is wrong with them', () => {
    const path = newPath();
    expect(() => readRecord(join(dirname(path), 'none/task.json'), task)).toThrow(
      /no task is named/,
    );
    expect(() => readRecord(path, task)).toThrow(/unreadable/);
    writeFileSync(path, '{"format":1,');
    expect(() => readRecord(path, task)).toThrow(/unreadable/);
    writeFileSync(path, '{"format":1,"task":"other"}');
    expect(() => readRecord(path, task)).toThrow(/unreadable/);
  });
});

describe('the state machine', () => {
  const statuses: Status[] = ['queued', 'running', 'completed', 'failed', 'cancelled'];
  const places: Artifacts[] = ['live', 'sealing', 'sealed', 'kept'];
  const anyState = fc.record({
    status: fc.constantFrom(...statuses),
    artifacts: fc.constantFrom(...places),
  });

  it('never leaves a final status, is sealed until sealed again, never seals what runs', () => {
    fc.assert(
      fc.property(fc.array(anyState, { maxLength: 30 }), (requests) => {
        let now: State = { status: 'queued', artifacts: 'live' };
        for (const request of requests) {
          if (!mayFollow(now, request)) continue;
          if (isFinal(now.status)) expect(request.status).toBe(now.status);
          if (now.artifacts === 'sealed') expect(request.artifacts).toMatch(/^seal(ed|ing)$/);
          if (!isFinal(request.status)) expect(request.artifacts).toBe('live');
          now = request;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('cannot write an illegal transition, between whatever states', () => {
    const path = newPath();
    fc.assert(
      fc.property(anyState, anyState, (from, to) => {
        const record = { ...newRecord(task, spec), ...from };
        createRecord(path, record);
        if (mayFollow(from, to)) {
          expect(replaceRecord(path, record, to)).toMatchObject(to);
        } else {
          expect(() => replaceRecord(path, record, to)).toThrow(/cannot go from/);
          expect(readRecord(path, task)).toEqual(record);
        }
      }),
    );
    const queued = newRecord(task, spec);
    expect(() => replaceRecord(path, queued, { status: 'completed' })).toThrow(/cannot go from/);
    expect(() => replaceRecord(path, queued, { artifacts: 'sealing' })).toThrow(/cannot go from/);
  });
});

describe('a cache of records', () => {
  it('reads a record again once it is replaced, and notices damage, repair and removal', () => {
    const store = storeAt(temporaryDirectory());
    const path = taskPaths(store, task).record;
    const records = new RecordCache(store);
    expect(records.find(task)).toBeUndefined();

    mkdirSync(dirname(path), { recursive: true });
    createRecord(path, newRecord(task, spec));
    const first = records.find(task);
    expect(first).toMatchObject({ task, status: 'queued' });
    expect(records.find(task)).toBe(first);
    replaceRecord(path, readRecord(path, task), { status: 'running' });
    expect(records.find(task)).toMatchObject({ status: 'running' });

    writeFileSync(path, '{');
    for (let call = 0; call < 2; call++) {
      expect(() => records.find(task)).toThrow(`the record of task ${task}`);
    }
    createRecord(path, newRecord(task, spec));
    expect(records.find(task)).toMatchObject({ status: 'queued' });
    rmSync(dirname(path), { recursive: true });
    expect(records.find(task)).toBeUndefined();
  });
});
