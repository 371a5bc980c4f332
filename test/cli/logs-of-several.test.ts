import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { finished, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

it('follows several tasks’ logs, line by line, each with its name, until all end', async () => {
  const cli = newCli();
  const gate = (name: string): string => `until [ -e ${name} ]; do sleep 0.05; done`;
  const scripts = {
    one: `echo first; printf half; ${gate('other')}; echo ' and half'; ${gate('end')}; printf last`,
    second: `${gate('half')}; echo between; echo error >&2; ${gate('end')}; exit 3`,
  };
  for (const [name, script] of Object.entries(scripts)) {
    await cli.run('run', '-d', '--name', name, '--', 'sh', '-c', script);
  }
  await cli.run('run', '--name', 'sealed', '--', 'echo', 'was sealed');
  const following = cli.start('logs', '-f', 'one', 'second', 'sealed');
  following.stdin.end();
  let printed = '';
  following.stdout.on('data', (data) => {
    printed += data;
  });
  const ended = finished(following);
  const open = (name: string): void => writeFileSync(join(cli.base, name), '');
  await until('half a line is in the log', async () =>
    (await cli.run('logs', 'one')).stdout.endsWith('half'),
  );
  open('half');
  await until('the other goes on', () => printed.includes('error'));
  open('other');
  await until('the line is whole', () => printed.includes('and half'));
  open('end');
  const { code, stdout, stderr } = await ended;
  expect([code, stderr]).toEqual([0, '']);
  const linesOf = (name: string): string[] =>
    stdout.split('\n').filter((line) => line.startsWith(`${name.padEnd(6)} | `));
  expect(linesOf('one')).toEqual(
    ['first', 'half and half', 'last'].map((line) => `one    | ${line}`),
  );
  expect(linesOf('second')).toEqual(['second | between', 'second | error']);
  expect(linesOf('sealed')).toEqual(['sealed | was sealed']);
  expect(stdout.trimEnd().split('\n')).toHaveLength(6);
}, 60_000);
