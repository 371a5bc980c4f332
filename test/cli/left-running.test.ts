import { expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';

it('tells of what a task left running and ended with it, and of nothing else', async () => {
  const cli = newCli();
  const daemon =
    'setsid sleep 3600 >/dev/null 2>&1 & ' +
    'until grep -qx sleep /proc/$!/comm; do :; done; echo started';
  const left = await cli.run('run', '--name', 'a', '--', 'sh', '-c', daemon);
  expect(left).toMatchObject({ code: 0, stdout: 'started\n' });
  expect(left.stderr).toContain('Task a left sleep running, which ended with it');
  expect((await cli.run('events', 'a')).stdout).toMatch(/ended-with-it programs=.*sleep/);
  const alone = await cli.run('run', '--name', 'b', '--', 'sh', '-c', 'sleep 0.01 & wait');
  expect(alone.stderr).not.toContain('ended with it');
});

it('keeps no more of what a task prints than --log-max, and shows it all', async () => {
  const cli = newCli();
  const script = 'head -c 100000 /dev/zero | tr "\\0" x';
  const ran = await cli.run('run', '--name', 'a', '--log-max', '1k', '--', 'sh', '-c', script);
  expect(ran.code).toBe(0);
  expect(ran.stdout).toHaveLength(100_000);
  expect(ran.stderr).toContain('the log of task a is incomplete: it has reached its limit of 1024');
  expect((await cli.run('logs', 'a')).stdout).toHaveLength(1024);
  expect(await cli.json('status', 'a', '--json')).toMatchObject({ logMaxBytes: 1024 });
  expect((await cli.run('run', '--log-max', 'much', '--', 'true')).code).toBe(2);
});

it('says once that a reader went away, and goes on', async () => {
  const cli = newCli();
  const script =
    'for i in 1 2 3 4 5; do echo $i; sleep 0.2; done; echo end > "$TASKFS_ARTIFACTS/f"';
  const ran = await cli.script(`"$T" run --name a -- sh -c '${script}' | head -1`);
  expect(ran.stdout).toBe('1\n');
  expect(ran.stderr.match(/cannot be written/g)).toHaveLength(1);
  expect((await cli.run('logs', 'a')).stdout).toBe('1\n2\n3\n4\n5\n');
  expect((await cli.run('cat', 'a', 'f')).stdout).toBe('end\n');
});
