import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';
import { describeContents, describeTree, makeDifficultTree } from '../support/difficult-tree.ts';
import { until } from '../support/until.ts';

const LEFT_OUT = ['pipe'];

it('export --format gives tar and unzip what export DIR makes, live and archived', async () => {
  const cli = newCli();
  const end = join(cli.base, 'end');
  const script = 'while [ ! -e "$0" ]; do sleep 0.05; done';
  await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', script, end);
  const staging = join(cli.store, 'staging/t');
  await until(
    'the task is ready',
    async () => (await cli.json('status', 't', '--json')).status === 'running',
  );
  makeDifficultTree(staging);

  for (const state of ['live', 'archived']) {
    if (state === 'archived') {
      writeFileSync(end, '');
      await cli.run('wait', 't');
    }
    const [plain, tar, zip] = ['plain', 'tar', 'zip'].map((kind) => join(cli.base, state, kind));
    for (const directory of [tar, zip]) mkdirSync(`${directory}`, { recursive: true });
    await cli.run('export', '--keep-setid', 't', `${plain}`);
    const archive = await cli.run('export', 't', '--keep-setid', '--format', 'tar');
    expect(archive).toMatchObject({ code: 0, stderr: 'Left out: pipe is a fifo.\n' });
    execFileSync('tar', ['-xp', '--xattrs', '-C', `${tar}`], { input: archive.bytes });
    expect(describeTree(`${tar}`, LEFT_OUT)).toEqual(describeTree(`${plain}`, LEFT_OUT));
    expect(describeContents(`${tar}`)).toEqual(describeContents(`${plain}`));
    expect(archive.bytes.length).toBeLessThan(10_000_000);

    const zipped = await cli.run('export', 't', '--keep-setid', '--format', 'zip');
    expect(zipped.code).toBe(0);
    expect(zipped.stderr).toContain('is a name that no zip can hold');
    const file = join(cli.base, `${state}.zip`);
    writeFileSync(file, zipped.bytes);
    execFileSync('bsdtar', ['-xpf', file, '-C', `${zip}`]);
    const facts = (top: string | undefined, path: string): unknown => {
      const { mode, size, mtimeMs } = statSync(join(`${top}`, path));
      return { mode, size, mtime: Math.floor(mtimeMs / 2000) };
    };
    for (const path of ['top.md', 'sparse', 'a/b/c/deep.txt', 'name with spaces', 'mode/4755']) {
      expect(facts(zip, path)).toEqual(facts(plain, path));
    }
    execFileSync('cmp', [join(`${zip}`, 'big'), join(`${plain}`, 'big')]);
    expect(execFileSync('readlink', ['outside'], { cwd: `${zip}` }).toString()).toBe(
      '/etc/passwd\n',
    );
  }
  expect(await cli.run('export', 't')).toMatchObject({ code: 2 });
  const { bytes } = await cli.run('export', 't', '--format', 'tar');
  const listed = execFileSync('tar', ['-tv'], { input: bytes }).toString();
  expect(listed).toMatch(/^-rwxr-xr-x .*mode\/4755$/m);
});
