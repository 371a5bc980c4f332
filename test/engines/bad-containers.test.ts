import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../../src/runner/index.ts';
import { parseTaskName, type Store, type TaskRecord, taskPaths } from '../../src/store/index.ts';
import { describeWithEngine } from '../support/engine.ts';
import { newStore, recordOf, runTask, shell, startTask } from '../support/runner.ts';
import { openSealed } from '../support/sealable.ts';

const execute = promisify(execFile);
const MiB = 1024 * 1024;
const isLong = process.env.TASKFS_LONG === '1';
const manyFiles = isLong ? 100_000 : 5_000;
const manyBytes = (isLong ? 1000 : 100) * MiB;

describeWithEngine('a container that behaves badly', ({ image, bareImage, smallDisk }) => {
  const run = async (store: Store, script: string, options = {}): Promise<TaskRecord> => {
    const spec = shell(script, { engine: 'docker', image, cwd: null, options });
    await startTask(store, 'bad', spec);
    return waitFor(store, parseTaskName('bad'));
  };
  const sealed = { status: 'completed', artifacts: 'sealed', exitCode: 0 };

  it(`writes ${manyFiles} files (TASKFS_LONG=1: 100000)`, { timeout: 300_000 }, async () => {
    const store = await newStore();
    const script = `cd /artifacts; i=0
      while [ $i -lt ${manyFiles} ]; do : > f$i; i=$((i+1)); done`;
    expect(await run(store, script)).toMatchObject(sealed);
    expectGone(store);
    expect(await countEntries(store)).toBe(manyFiles);
  });

  it('leaves files of other users, which nobody may read', async () => {
    const store = await newStore();
    const script =
      'cd /artifacts; mkdir d; ' +
      'for u in 0 4242; do echo $u > d/$u; chown $u:$u d/$u; chmod 0 d/$u; done; chmod 0 d';
    expect(await run(store, script, { user: '0:0' })).toMatchObject(sealed);
    expectGone(store);
    expect(await countEntries(store)).toBe(1);
  });

  it('makes 5000 nested directories', { timeout: 120_000 }, async () => {
    const store = await newStore();
    // A path of 5000 levels is longer than a system call
    // takes: five chains, one moved into another's end.
    const script =
      'cd /artifacts; p=$(yes d | head -1000 | tr "\\n" /); ' +
      'for c in 1 2 3 4 5; do mkdir -p $c/$p; done; ' +
      'for c in 4 3 2 1; do mv $((c+1)) $c/$p || exit 9; done';
    expect(await run(store, script)).toMatchObject(sealed);
    expectGone(store);
  });

  it('makes a sparse file of 10 GiB', { timeout: 120_000 }, async () => {
    const store = await newStore();
    const script = 'truncate -s 10G /artifacts/sparse; echo end >> /artifacts/sparse';
    expect(await run(store, script)).toMatchObject(sealed);
    expectGone(store);
    const { stdout } = await execute('du', ['-sm', taskPaths(store, parseTaskName('bad')).archive]);
    expect(Number.parseInt(stdout, 10)).toBeLessThan(10);
  });

  it(`prints ${manyBytes / MiB} MiB as fast as it can (TASKFS_LONG=1: 1000)`, async () => {
    const store = await newStore();
    const script = `dd if=/dev/zero bs=1M count=${manyBytes / MiB} 2>/dev/null`;
    const record = await run(store, script);
    expect(record).toMatchObject(sealed);
    expect(await logSize(store)).toBe(manyBytes);
  });

  it('prints one line of 50 MiB', async () => {
    const store = await newStore();
    const script = `head -c ${50 * MiB} /dev/zero | tr '\\0' x; echo`;
    expect(await run(store, script)).toMatchObject(sealed);
    expect(await logSize(store)).toBe(50 * MiB + 1);
  });

  it('fills the disk: the artifacts are kept, and the reason is in the record', async () => {
    const path = join(smallDisk, 'store');
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    const store = await newStore(path);
    const record = await run(store, 'cat /dev/zero > /artifacts/full');
    expect(record).toMatchObject({ status: 'failed', exitCode: 1, artifacts: 'kept' });
    expect(record.sealError).toMatch(/space|ENOSPC/);
    expect(existsSync(taskPaths(store, parseTaskName('bad')).staging)).toBe(true);
  });

  it('asks for an image without a shell to run a shell', async () => {
    const store = await newStore();
    const spec = shell('true', { engine: 'docker', image: bareImage, cwd: null });
    await runTask(store, 'bare', spec);
    expect(recordOf(store, 'bare')).toMatchObject({
      status: 'failed',
      exitCode: 127,
      artifacts: 'sealed',
    });
  });
});

function expectGone(store: Store): void {
  expect(existsSync(taskPaths(store, parseTaskName('bad')).staging)).toBe(false);
}

/** How many entries the top directory of the sealed artifacts has. */
async function countEntries(store: Store): Promise<number> {
  const reader = await openSealed(store, parseTaskName('bad'));
  return [...reader.list(reader.root(), 0)].length;
}

const logSize = async (store: Store): Promise<number> =>
  (await openSealed(store, parseTaskName('bad'))).logSize();
