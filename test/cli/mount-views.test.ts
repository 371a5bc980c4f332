import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type CliOptions, newCli } from '../support/cli.ts';
import { isMountpoint } from '../support/mount.ts';
import { until } from '../support/until.ts';

const isRoot = process.geteuid?.() === 0;
const users: readonly CliOptions[] = isRoot ? [{}, { user: 'plain' }] : [{}];

/** A task that stays until the file `end` is among its own, and then ends as that says. */
const STAYS = 'cd "$TASKFS_ARTIFACTS"; echo hi > f; until [ -s end ]; do sleep 0.05; done; . ./end';

it('a mount shows some of the tasks, as they come and change', async () => {
  const cli = newCli();
  const run = (name: string, ...args: string[]) => cli.run('run', '--name', name, ...args);
  await Promise.all([
    run('good', '-l', 'kind=a', '--', 'true'),
    run('bad', '-l', 'kind=b', '--', 'false'),
    run('runs', '-d', '-l', 'kind=a', '--', 'sh', '-c', STAYS),
    run('other', '-d', '--', 'sh', '-c', STAYS),
  ]);
  await run('waits', '-d', '--max-running', '2', '-l', 'kind=a', '--', 'sh', '-c', STAYS);
  const list = async (directory: string) => {
    const { code, stdout, stderr } = await cli.script(`ls ${directory}`);
    if (code !== 0) throw new Error(stderr);
    return stdout.split('\n').slice(0, -1);
  };
  const mounted = async (name: string, ...args: string[]) => {
    const mountpoint = join(cli.base, name);
    expect(await cli.run('mount', ...args, mountpoint)).toMatchObject({ code: 0 });
    onTestFinished(async () => void (await cli.run('unmount', mountpoint)));
    return async () => ({
      live: await list(join(mountpoint, 'live')),
      archive: await list(join(mountpoint, 'archive')),
      logs: await list(join(mountpoint, 'logs')),
    });
  };
  const [named, failed, running, recent] = await Promise.all([
    mounted('named', '--task', 'good', '--task', 'runs'),
    mounted('failed', '--status', 'failed'),
    mounted('running', '--status', 'running', '--label', 'kind=a'),
    mounted('recent', '--since', '3s'),
  ]);
  const logs = (...tasks: string[]) => tasks.map((task) => `${task}.log`);
  expect(await named()).toEqual({ live: ['runs'], archive: ['good'], logs: logs('good', 'runs') });
  expect(await failed()).toEqual({ live: [], archive: ['bad'], logs: logs('bad') });
  await until('it runs', async () => (await running()).live.length === 1);
  expect(await running()).toEqual({ live: ['runs'], archive: [], logs: logs('runs') });
  expect((await recent()).live).toEqual(['other', 'runs', 'waits']);
  const at = (...names: string[]) => join(cli.base, ...names);
  await expect(list(at('failed/archive/good'))).rejects.toThrow('No such file');
  await expect(list(at('failed/live/runs'))).rejects.toThrow('No such file');

  expect(await cli.script(`echo false > ${at('running/live/runs/end')}`)).toMatchObject({
    code: 0,
  });
  expect((await cli.run('wait', 'runs')).code).toBe(1);
  await until('the next one runs', async () => (await running()).live[0] === 'waits');
  // As root by the kernel itself, from when it runs.
  if (isRoot) await until('it is attached', () => isMountpoint(at('running/live/waits')));
  await until('what failed is there', async () => (await failed()).archive.length === 2);
  expect(await running()).toEqual({ live: ['waits'], archive: [], logs: logs('waits') });
  expect(await named()).toMatchObject({ live: [], archive: ['good', 'runs'] });
  expect(await cli.script(`cat ${at('failed/archive/runs/f')}`)).toMatchObject({ stdout: 'hi\n' });
  await until('it is some time ago', async () => (await recent()).archive.length === 0);
  expect((await recent()).live).toEqual(['other', 'waits']);
  // The path of a file is one in a mount that shows it.
  expect((await cli.run('path', 'bad')).stdout).toBe(`${at('failed/archive/bad')}\n`);
}, 120_000);

it('a mount groups archived tasks by day, and tells what comes and goes on each', async () => {
  await Promise.all(users.map((user) => groupsTasks(user)));
}, 120_000);

async function groupsTasks(user: CliOptions): Promise<void> {
  const cli = newCli({ ...user, env: { TZ: 'Pacific/Kiritimati' } });
  const at = (...names: string[]) => join(cli.base, ...names);
  const run = (name: string, ...args: string[]) => cli.run('run', '--name', name, ...args);
  const script = 'echo hi > "$TASKFS_ARTIFACTS/f"';
  for (const name of ['old', '2026-01-02']) await run(name, '--', 'sh', '-c', script);
  const record = join(cli.store, 'tasks/old/task.json');
  const text = readFileSync(record, 'utf8');
  // Fourteen hours later on that island.
  writeFileSync(record, text.replace(/"endedAt":\s*"[^"]*"/, '"endedAt":"2026-01-01T12:00:00Z"'));
  for (const [name, ...args] of [
    ['days', '--group', 'day'],
    // Where staging is attached, a new name in live/ may be told too late on a busy machine.
    ['running', '--status', 'running', '--live', 'fuse'],
  ] as const) {
    expect(await cli.run('mount', ...args, at(name))).toMatchObject({ code: 0 });
    onTestFinished(async () => void (await cli.run('unmount', at(name))));
  }
  const sh = async (words: string) =>
    (await cli.script(`cd ${at('days/archive')}; ${words}`)).stdout;
  const [first, today] = (await sh('ls')).split('\n');
  expect(first).toBe('2026-01-02');
  expect(await sh('ls 2026-01-02')).toBe('old\n');
  expect(await sh(`ls ${today}`)).toBe('2026-01-02\n');
  expect(await sh('ls 2026-01-01 || echo none')).toBe('none\n');
  expect(await sh(`ls ${today}/old || echo none`)).toBe('none\n');
  expect((await sh('find . -type f')).split('\n').sort()).toEqual(
    ['', `./${today}/2026-01-02/f`, './2026-01-02/old/f'].sort(),
  );
  // A path without the day leads there too, and the name of a day is that.
  expect(await sh('readlink old; cat old/f')).toBe('2026-01-02/old\nhi\n');
  const path = async (...args: string[]) => (await cli.run('path', ...args)).stdout;
  expect(await path('old', 'f')).toBe(`${at('days/archive/2026-01-02/old/f')}\n`);
  expect(await path('2026-01-02', 'f')).toBe(`${at('days/archive', `${today}`, '2026-01-02/f')}\n`);
  expect(await sh('touch 2026-01-02/x 2>&1')).toMatch(/Read-only file system/);

  const watched = [at('days/archive'), at('days/archive', `${today}`), at('running/live')];
  let heard = '';
  const watch = (place: string) => {
    // A server notices who watches by what they ask.
    const script = 'for f in "$0"/*; do :; done; exec inotifywait -q -m --format "%w %e %f" "$0"';
    cli.spawn('bash', '-c', script, place).stdout.on('data', (chunk) => {
      heard += chunk;
    });
  };
  const hears = (place: string, event: string) =>
    until(`${event} in ${place}`, () => heard.includes(`${at(place)}/ ${event}`));
  let count = 0;
  await until('events of each directory', async () => {
    for (const place of watched) watch(place);
    await run(`ready-${++count}`, '--', 'sleep', '0.3');
    return watched.slice(1).every((place) => heard.includes(`${place}/ CREATE,ISDIR ready`));
  });
  await run('blocks', '-d', '--', 'sleep', '1000');
  await hears('running/live', 'CREATE,ISDIR blocks');
  await run('waits', '-d', '--max-running', '1', '--', 'sleep', '1000');
  await cli.run('cancel', '--kill', 'blocks');
  await hears('running/live', 'DELETE,ISDIR blocks');
  await hears('running/live', 'CREATE,ISDIR waits');
  await hears(`days/archive/${today}`, 'CREATE,ISDIR blocks');
  await cli.run('rm', 'old');
  await hears('days/archive', 'DELETE,ISDIR 2026-01-02');
}

it('refuses what cannot be shown', async () => {
  const cli = newCli();
  const mount = (...args: string[]) => cli.run('mount', ...args, join(cli.base, 'm'));
  expect(await mount('--task', '../x')).toMatchObject({ code: 2 });
  expect(await mount('--since', 'yesterday')).toMatchObject({ code: 2 });
});
