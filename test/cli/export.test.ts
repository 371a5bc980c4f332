import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';

it('export leaves a directory that is there already as it is, also one of another owner', async () => {
  const cli = newCli({ user: 'plain' });
  await cli.run('run', '--name', 't', '--', 'sh', '-c', 'echo hi > "$TASKFS_ARTIFACTS/f"');
  const directory = join(cli.base, 'inbox');
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  expect(await cli.run('export', 't', directory)).toMatchObject({ code: 0 });
  expect(readFileSync(join(directory, 'f'), 'utf8')).toBe('hi\n');
  expect(statSync(directory)).toMatchObject({ uid: process.getuid?.() });
  expect(statSync(directory).mode & 0o7777).toBe(0o777);

  const fresh = join(cli.base, 'fresh');
  expect((await cli.run('export', 't', fresh)).code).toBe(0);
  expect(statSync(fresh).mode & 0o7777).toBe(0o700);
});
