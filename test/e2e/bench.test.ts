import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { allMounts } from '../../src/mount/index.ts';
import { finished } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const program = join(import.meta.dirname, '../../scripts/bench');

test('a benchmark says what it takes, and leaves nothing where it is interrupted', async () => {
  const help = await finished(spawn(program, ['live', '--help']));
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('`--rounds N`');
  const wrong = await finished(spawn(program, ['live', '--nonsense']));
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toMatch(/Unknown option '--nonsense'\n$/);

  const place = join(temporaryDirectory(), 'tmp');
  mkdirSync(place);
  const env = { ...process.env, TMPDIR: place };
  const args = ['live', '--rounds', '100000', '--files', '20', '--megabytes', '1', '--tree', '0'];
  const bench = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void bench.kill('SIGTERM'));
  const ended = once(bench, 'close');
  await once(bench.stdout, 'data');
  const mounts = () => allMounts().filter(({ mountpoint }) => mountpoint.startsWith(place));
  await until('it has mounted', () => mounts().length > 0);
  bench.kill('SIGTERM');
  expect(await ended).toEqual([130, null]);
  expect(mounts()).toEqual([]);
  expect(readdirSync(place)).toEqual([]);
});
