import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

it('a sealed task is known by its new name everywhere, and its seal holds', async () => {
  const cli = newCli();
  const mountpoint = join(cli.base, 'mnt');
  const script = 'echo content > "$TASKFS_ARTIFACTS/f"; echo printed; exit 3';
  await cli.run('run', '--name', 'old', '-l', 'k=v', '--', 'sh', '-c', script);
  await cli.run('run', '--name', 'taken', '--', 'true');
  await cli.run('mount', mountpoint);
  expect(readdirSync(join(mountpoint, 'archive')).sort()).toEqual(['old', 'taken']);
  const before = await cli.json('status', 'old', '--json');

  expect(await cli.run('rename', 'old', 'new')).toMatchObject({
    code: 0,
    stdout: 'new\n',
    stderr: '',
  });
  expect(await cli.json('status', 'new', '--json')).toEqual({ ...before, task: 'new' });
  expect((await cli.run('ps', '-aq')).stdout).toBe('new\ntaken\n');
  expect((await cli.run('cat', 'new', 'f')).stdout).toBe('content\n');
  expect((await cli.run('logs', '--since', '1h', 'new')).stdout).toBe('printed\n');
  expect((await cli.run('verify', '--deep')).code).toBe(0);
  const events = (await cli.run('events', 'new', '--json')).stdout.trim().split('\n');
  expect(events.map((line) => JSON.parse(line).task)).not.toContain('old');
  expect(JSON.parse(events.at(-1) ?? '')).toMatchObject({ type: 'renamed', from: 'old' });
  await until('the mount shows it', () => existsSync(join(mountpoint, 'archive/new/f')));
  await until('the old name goes', () => !existsSync(join(mountpoint, 'archive/old')));
  expect(readFileSync(join(mountpoint, 'archive/new/f'), 'utf8')).toBe('content\n');
  expect(readFileSync(join(mountpoint, 'logs/new.log'), 'utf8')).toBe('printed\n');
  expect(await cli.run('status', 'old')).toMatchObject({ code: 3 });

  expect(await cli.run('rename', 'new', 'taken')).toMatchObject({ code: 2 });
  expect(await cli.run('rename', 'new', '../x')).toMatchObject({ code: 2 });
  expect(await cli.run('rename', 'nope', 'x')).toMatchObject({ code: 3 });
  await cli.run('run', '-d', '--name', 'live', '--', 'sleep', '1000');
  expect(await cli.run('rename', 'live', 'x')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('its processes know it by its name'),
  });
  // Of several at once one does it, and the others hear that it is in use, or gone.
  const names = ['one', 'two', 'three'];
  const at = await Promise.all(
    names.map(async (name) => (await cli.run('rename', 'new', name)).code),
  );
  expect(at.filter((code) => code === 0)).toHaveLength(1);
  expect(at.filter((code) => code === 2 || code === 3)).toHaveLength(2);
  // The old name is free again.
  expect(await cli.run('run', '--name', 'old', '--', 'true')).toMatchObject({ code: 0 });
  expect((await cli.run('verify')).code).toBe(0);
});
