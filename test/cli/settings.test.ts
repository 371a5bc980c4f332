import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newCli } from '../support/cli.ts';

test('settings that are changed at once are all kept', async () => {
  const cli = newCli();
  await cli.run('init');
  const names = ['a', 'b', 'c'];
  const seals = join(cli.base, 'seals.jsonl');
  const changes = [
    ...names.map((name) => ['policy', 'set', '--name', name, '--keep-last', '1']),
    ...names.map((name) => ['group', 'set', name, '1']),
    ['anchor', '--file', seals],
  ];
  const codes = await Promise.all(changes.map(async (args) => (await cli.run(...args)).code));
  expect(codes).toEqual(changes.map(() => 0));
  const { rules } = await cli.json<{ rules: unknown[] }>('policy', '--json');
  expect(rules).toHaveLength(names.length);
  const groups = await cli.json<{ group: string }[]>('group', '--json');
  expect(groups.map(({ group }) => group)).toEqual(names);
  expect(await cli.json('anchor', '--json')).toMatchObject({ anchor: { file: seals } });
});
