import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sealTask } from '../../src/archive/write/index.ts';
import { newCli } from '../support/cli.ts';
import { describeContents, describeTree, makeDifficultTree } from '../support/difficult-tree.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

test.each(['live', 'archived'])(
  'what export copies of a task that is %s is the staging tree, with attributes and holes',
  async (state) => {
    const cli = newCli();
    const store = await storeWithKeys(cli.store);
    const { task, paths } = endedTask(store, 'difficult');
    makeDifficultTree(paths.staging);
    const isSealed = state === 'archived';
    if (isSealed) await sealTask(store, task);
    const top = isSealed ? paths.aside : paths.staging;
    const out = join(cli.base, 'out');
    expect(await cli.json('export', task, out, '--keep-setid', '--json')).toMatchObject({
      skipped: [{ path: 'pipe', type: 'fifo' }],
      withoutAttributes: [],
    });
    expect(describeTree(out)).toEqual(describeTree(top, ['pipe']));
    expect(describeContents(out)).toEqual(describeContents(top));
    for (const name of ['sparse', 'allhole', 'big']) {
      const blocks = (directory: string) => statSync(join(directory, name)).blocks;
      expect(blocks(out), name).toBe(blocks(top));
    }
  },
);

test('a plain user gets the same, of files that he may not write to as well', async () => {
  const cli = newCli({ user: 'plain' });
  const script = `cd "$TASKFS_ARTIFACTS"
    mkdir -p d/e && printf text > d/e/locked && ln d/e/locked again && truncate -s 1M hole
    setfattr -n user.note -v kept d/e/locked && setfattr -n user.note -v top d
    touch -d '2001-02-03 04:05:06.789012345 UTC' d/e/locked && chmod 0400 d/e/locked
    chmod 0500 d && tar -C "$TASKFS_ARTIFACTS" -cpf "$0" --format=pax --xattrs .`;
  const before = join(cli.base, 'before.tar');
  expect(await cli.run('run', '--name', 't', '--', 'sh', '-c', script, before)).toMatchObject({
    code: 0,
  });
  const out = join(cli.base, 'out');
  expect(await cli.run('export', 't', out)).toMatchObject({ code: 0, stderr: '' });
  const original = join(cli.base, 'original');
  mkdirSync(original);
  execFileSync('tar', ['--xattrs', '-C', original, '-xpf', before]);
  expect(describeTree(out)).toEqual(describeTree(original));
  expect(describeContents(out)).toEqual(describeContents(original));
});
