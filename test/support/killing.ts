import { existsSync } from 'node:fs';
import { expect } from 'vitest';
import {
  isFinal,
  isLocked,
  readEvents,
  type Store,
  type TaskName,
  taskPaths,
} from '../../src/store/index.ts';
import { killSupervisor } from './ending.ts';
import { recordOf } from './runner.ts';
import { until } from './until.ts';

/** kill -9 of a task's supervisor at a random moment; the state in which that left the task. */
export async function killAtRandom(
  store: Store,
  task: TaskName,
  withinMs: number,
): Promise<string> {
  const moment = performance.now() + Math.random() * withinMs;
  await until('the moment came', () => performance.now() > moment);
  killSupervisor(store, task);
  await until('its lock is free', () => !isLocked(taskPaths(store, task).lock));
  const { status, artifacts } = recordOf(store, task);
  return `${status}/${artifacts}`;
}

/** Checks everything that must hold once a task was finalised, however it came to its end. */
export function expectFinished(store: Store, task: TaskName): void {
  const { staging, aside, log, archive, lock, events } = taskPaths(store, task);
  const record = recordOf(store, task);
  expect(isFinal(record.status)).toBe(true);
  expect(record.artifacts).toBe('sealed');
  expect(record.attempts.every(({ endedAt }) => endedAt !== null)).toBe(true);
  expect([staging, aside, log].filter((path) => existsSync(path))).toEqual([]);
  expect(existsSync(archive)).toBe(true);
  expect(isLocked(lock)).toBe(false);
  const types = readEvents(events).map(({ type }) => type);
  expect(types.filter((type) => type === 'ended')).toHaveLength(1);
  expect(types.filter((type) => type === 'sealed')).toHaveLength(1);
}
