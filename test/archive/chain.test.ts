import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { removeTasks } from '../../src/runner/index.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

/** Whether the medium refuses what was written to the chain. */
const disk = vi.hoisted(() => ({ isFailing: false }));

vi.mock('node:fs', async (load) => {
  const real = await load<typeof import('node:fs')>();
  const fsyncSync = (fd: number): void => {
    const isChain = real.readlinkSync(`/proc/self/fd/${fd}`).endsWith('/seals.jsonl');
    if (disk.isFailing && isChain) {
      throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO', errno: -5 });
    }
    real.fsyncSync(fd);
  };
  return { ...real, fsyncSync };
});

test('a line that cannot be written durably is none, and what it announced not done', async () => {
  const sealable = endedTask(await storeWithKeys(), 'a');
  const { store, task, paths } = sealable;
  const chain = join(store.path, 'seals.jsonl');
  const textOf = (): string => readFileSync(chain, 'utf8');
  writeFileSync(join(paths.staging, 'file'), 'kept');

  disk.isFailing = true;
  await expect(sealTask(store, task)).rejects.toThrow(/task a failed: .*i\/o error/);
  expect(textOf()).toBe('');
  expect(readFileSync(join(paths.staging, 'file'), 'utf8')).toBe('kept');
  disk.isFailing = false;
  await sealTask(store, task);
  removePlaintext(store, task);
  const sealed = textOf();
  expect(sealed.split('\n')).toHaveLength(2);

  disk.isFailing = true;
  expect((await removeTasks(store, [task])).failed).toMatchObject([{ task }]);
  expect(textOf()).toBe(sealed);
  expect(existsSync(paths.archive)).toBe(true);
  disk.isFailing = false;
});
