import { expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';

it('names absolute links to a task’s own files, which lead nowhere once sealed', async () => {
  const cli = newCli();
  const script =
    'cd "$TASKFS_ARTIFACTS"; mkdir a; echo 1 > a/file; ln -s "$PWD/a/file" a/absolute; ' +
    'ln -s "$PWD" top; ln -s a/file relative; ln -s /etc/hostname elsewhere; ln -s "$PWD"x beside';
  const { code, stderr } = await cli.run('run', '--name', 'r', '--', 'sh', '-c', script);
  expect(code).toBe(0);
  const named = stderr.split('\n').filter((line) => line.includes('are no more'));
  expect(named).toHaveLength(2);
  expect(named.join()).toContain("'a/absolute' leads to ");
  expect(named.join()).toContain("'top' leads to ");
});
