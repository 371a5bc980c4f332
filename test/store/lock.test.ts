import fs, { mkdirSync, renameSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { isLocked, takeLock } from '../../src/store/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** Does something right after a file is opened the next time. */
function onceOpened(path: string, action: () => void): void {
  const { openSync } = fs;
  const restore = (): void => {
    fs.openSync = openSync;
    syncBuiltinESMExports();
  };
  fs.openSync = (...args: Parameters<typeof openSync>) => {
    const fd = openSync(...args);
    if (args[0] !== path) return fd;
    restore();
    action();
    return fd;
  };
  syncBuiltinESMExports();
  onTestFinished(restore);
}

it('is not taken where its task was removed before, and another has the name by then', () => {
  const store = temporaryDirectory();
  const [task, removed] = [join(store, 'task'), join(store, 'removed')];
  const lock = join(task, 'lock');
  mkdirSync(task);
  using held = takeLock(lock);
  let other: ReturnType<typeof takeLock>;
  onceOpened(lock, () => {
    renameSync(task, removed);
    rmSync(removed, { recursive: true });
    held?.release();
    mkdirSync(task);
    other = takeLock(lock);
  });
  expect(takeLock(lock)).toBeUndefined();
  expect(isLocked(lock)).toBe(true);
  other?.release();
  expect(isLocked(lock)).toBe(false);
});
