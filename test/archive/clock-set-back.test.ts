import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { endedTask, openSealed, type SealableTask, storeWithKeys } from '../support/sealable.ts';

/**
 * How far the clock is ahead, in nanoseconds, whenever sealing looks at it; and what happens then.
 * The files have the times of this machine's clock, which no test may change: as if it had been
 * set back right after sealing had looked at it.
 */
const clock = vi.hoisted(() => ({ aheadNs: 0n, onRead: (_: string) => {} }));

type LateChanges = typeof import('../../src/archive/write/late-changes.ts');

vi.mock('../../src/archive/write/late-changes.ts', async (load) => {
  const real = await load<LateChanges>();
  return {
    ...real,
    clockOf: (directory) => {
      clock.onRead(directory);
      return real.clockOf(directory) + clock.aheadNs;
    },
    findLateChange: (top, options) =>
      real.findLateChange(top, { ...options, sinceNs: options.sinceNs + clock.aheadNs }),
  } satisfies LateChanges;
});

const HOUR_NS = 3_600_000_000_000n;

/** A task with one file in a directory. */
async function taskWithFiles(name: string): Promise<SealableTask> {
  const sealable = endedTask(await storeWithKeys(), name);
  const { staging } = sealable.paths;
  mkdirSync(join(staging, 'results'));
  writeFileSync(join(staging, 'results/file'), 'early\n');
  return sealable;
}

const sealedContent = async ({ store, task }: SealableTask): Promise<string> => {
  const reader = await openSealed(store, task);
  const directory = reader.lookup(reader.root(), Buffer.from('results'));
  const entry = directory && reader.lookup(directory, Buffer.from('file'));
  const bytes = Buffer.alloc(entry?.size ?? 0);
  if (entry) reader.read(entry, bytes, 0);
  return bytes.toString();
};

test('a clock that is set back while a task is sealed hides no late write', async () => {
  clock.aheadNs = HOUR_NS;
  const sealable = await taskWithFiles('set-back');
  const { store, task, paths } = sealable;
  let reads = 0;
  // For the second time when the archive is written, right before the tree is compared with it.
  clock.onRead = () => {
    if (++reads === 2) appendFileSync(join(paths.aside, 'results/file'), 'late\n');
  };
  const { tree } = await sealTask(store, task);
  expect(await sealedContent(sealable)).toBe('early\nlate\n');
  appendFileSync(join(paths.aside, 'results/file'), 'after the seal\n');
  const remove = (): void => removePlaintext(store, task, tree);
  expect(remove).toThrow("'.' of task set-back was written after it was sealed");
  expect(readFileSync(join(paths.aside, 'results/file'), 'utf8')).toMatch(/after the seal\n$/);
});

test('a directory that is renamed meanwhile is noticed as well', async () => {
  clock.aheadNs = HOUR_NS;
  const { store, task, paths } = await taskWithFiles('renamed');
  const { tree } = await sealTask(store, task);
  renameSync(join(paths.aside, 'results'), join(paths.aside, 'others'));
  expect(() => removePlaintext(store, task, tree)).toThrow("'.' of task renamed");
  renameSync(join(paths.aside, 'others'), join(paths.aside, 'results'));
  removePlaintext(store, task, tree);
});

test('files that bear times of a clock that was ahead are sealed, and removed', async () => {
  clock.aheadNs = -HOUR_NS;
  const sealable = await taskWithFiles('ahead');
  const { store, task } = sealable;
  const { tree } = await sealTask(store, task);
  removePlaintext(store, task, tree);
  expect(await sealedContent(sealable)).toBe('early\n');
});
