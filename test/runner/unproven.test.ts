import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { recover } from '../../src/runner/index.ts';
import { findStaging, readRecord, replaceRecord } from '../../src/store/index.ts';
import { endedTask, readSealedLog, type SealableTask, storeWithKeys } from '../support/sealable.ts';

/**
 * Tasks whose archive was committed by a process that died before it removed the plaintext, as the
 * next process finds them.
 */
async function committedTask(name: string, artifacts: 'sealing' | 'sealed'): Promise<SealableTask> {
  const ended = endedTask(await storeWithKeys(), name);
  writeFileSync(join(ended.paths.staging, 'file'), 'what it wrote\n');
  await sealTask(ended.store, ended.task);
  if (artifacts === 'sealed') {
    const { record } = ended.paths;
    replaceRecord(record, readRecord(record, ended.task), { artifacts });
  }
  return ended;
}

function damage(path: string): void {
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0, bytes.length - 100));
}

const scope = { scope: 'all' } as const;
const MOVE = /Move \S+ away, and it is sealed again/;

it.each(['sealing', 'sealed'] as const)(
  'plaintext stays where the archive, %s, is not whole, and is sealed once that is moved away',
  async (artifacts) => {
    const { store, task, paths } = await committedTask('torn', artifacts);
    damage(join(paths.archive, 'artifacts.tar.enc'));
    const outcome = artifacts === 'sealed' ? 'sealed' : 'kept';
    const [first] = await recover(store, scope);
    expect(first).toEqual({ task, outcome, error: expect.stringMatching(MOVE) });
    expect(first?.error).toContain('artifacts.tar.enc');
    const staging = findStaging(paths) ?? '';
    expect(readFileSync(join(staging, 'file'), 'utf8')).toBe('what it wrote\n');

    renameSync(paths.archive, `${store.path}/moved`);
    expect(await recover(store, scope)).toEqual([{ task, outcome: 'sealed', error: null }]);
    expect(existsSync(staging)).toBe(false);
    expect(await readSealedLog(store, task)).toBe('what torn printed\n');
  },
);

it('a task whose archive is elsewhere is not sealed again without its files', async () => {
  const { store, task, paths } = await committedTask('away', 'sealing');
  removePlaintext(store, task);
  renameSync(paths.archive, `${store.path}/moved`);
  const [first] = await recover(store, scope);
  expect(first).toMatchObject({ task, outcome: 'kept' });
  expect(first?.error).toContain('task away was sealed before');
  renameSync(`${store.path}/moved`, paths.archive);
  expect(await recover(store, scope)).toEqual([{ task, outcome: 'sealed', error: null }]);
});

it('plaintext stays that was not there when its task was sealed', async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 'elsewhere');
  const elsewhere = `${paths.staging}-not-mounted`;
  writeFileSync(join(paths.staging, 'file'), 'what it wrote\n');
  renameSync(paths.staging, elsewhere);
  expect(await recover(store, scope)).toMatchObject([{ task, outcome: 'sealed' }]);
  renameSync(elsewhere, paths.staging);
  const [found] = await recover(store, scope);
  expect(found?.error).toContain("'file' of task elsewhere is one more than the archive holds");
  expect(readFileSync(join(paths.staging, 'file'), 'utf8')).toBe('what it wrote\n');
  rmSync(join(paths.staging, 'file'));
  expect(await recover(store, scope)).toEqual([{ task, outcome: 'sealed', error: null }]);
});
