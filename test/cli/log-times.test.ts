import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

const SCRIPT = `echo one; while [ ! -e "$0/go" ]; do sleep 0.05; done
  printf 'two '; while [ ! -e "$0/on" ]; do sleep 0.05; done; echo lines; printf three`;

it('logs know when each line came, live and archived', async () => {
  const cli = newCli({ env: { TZ: 'Asia/Kolkata' } });
  const at = (name: string): string => join(cli.base, name);
  const logged = (): number => statSync(join(cli.store, 'tasks/t/log')).size;
  const pass = async (name: string): Promise<number> => {
    const before = Date.now();
    await until('some time has passed', () => Date.now() > before + 60);
    writeFileSync(at(name), '');
    return before + 30;
  };
  const begin = Date.now();
  await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', SCRIPT, cli.base);
  await until('the first line', () => logged() === 4);
  const following = cli.start('logs', '-f', '--timestamps', '--utc', 't');
  let followed = '';
  following.stdout.on('data', (data) => {
    followed += data;
  });
  await until('it is followed', () => followed.endsWith('Z one\n'));
  const first = await pass('go');
  await until('half a line', () => logged() === 8);
  const second = await pass('on');
  await new Promise((resolve) => following.once('close', resolve));
  await cli.run('wait', 't');
  const end = Date.now();

  const lines = followed.trimEnd().split('\n');
  expect(lines.map((line) => line.slice(25))).toEqual(['one', 'two lines', 'three']);
  const times = lines.map((line) => Date.parse(line.slice(0, 24)));
  // To a hundredth of a second: less than the pauses above.
  expect(times.map((time) => time >= begin && time <= end)).toEqual([true, true, true]);
  expect(times[0]).toBeLessThan(first);
  expect(times[1]).toBeGreaterThan(first);
  expect(times[1]).toBeLessThan(second);
  expect(times[2]).toBeGreaterThan(second);

  const logs = async (...args: string[]) => (await cli.run('logs', ...args, 't')).stdout;
  const [between, later] = [first, second].map((time) => new Date(time).toISOString());
  expect(await logs('--since', `${between}`)).toBe('two lines\nthree');
  expect(await logs('--until', `${between}`)).toBe('one\n');
  expect(await logs('--since', `${between}`, '--until', `${later}`)).toBe('two lines\n');
  expect(await logs('--until', `${later}`, '--tail', '1')).toBe('two lines\n');
  expect(await logs('--since', `${Math.floor(begin / 1000)}`, '-n', '2')).toBe('two lines\nthree');
  expect(await logs('--since', '1h')).toBe('one\ntwo lines\nthree');
  expect(await logs('--until', '1h')).toBe('');
  expect(await logs('-t', '-n1')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \+0530 three\n$/);
  expect(await cli.run('logs', '--since', 'yesterday', 't')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("or a date as in '2026-11-27'"),
  });

  // As older versions left it.
  expect(existsSync(join(cli.store, 'tasks/t/log.times'))).toBe(true);
  rmSync(join(cli.store, 'tasks/t/log.times'));
  expect(await cli.run('logs', '-t', 't')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('were not recorded'),
  });
  expect(await logs()).toBe('one\ntwo lines\nthree');
});
