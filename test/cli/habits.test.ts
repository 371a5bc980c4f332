import { describe, expect, it } from 'vitest';
import { main, newCli } from '../support/cli.ts';
import { inTerminal } from '../support/tmux.ts';
import { until } from '../support/until.ts';

describe('what users of docker and gh type', () => {
  it('selects, names and arranges tasks', async () => {
    const cli = newCli();
    await cli.run('run', '--name', 'a', '-l', 'kind=x', '--', 'seq', '9999');
    await cli.run('run', '--name', 'b', '--', 'sh', '-c', 'exit 3');
    await cli.run('run', '--name', 'c', '--', 'true');
    const printed = async (...args: string[]) => (await cli.run('ps', ...args)).stdout;
    expect(await printed('-q')).toBe('');
    expect(await printed('-aq')).toBe('a\nb\nc\n');
    expect(await printed('-n', '2', '-q')).toBe('b\nc\n');
    expect(await printed('-q', '--filter', 'status=failed')).toBe('b\n');
    expect(await printed('-q', '--filter', 'label=kind=x')).toBe('a\n');
    expect(await printed('-q', '--filter', 'name=[bc]', '--status', 'completed')).toBe('c\n');
    expect(await printed('--columns', 'task,exit,labels', '-n', '3')).toBe(
      'TASK  EXIT  LABELS\na     0     kind=x\nb     3\nc     0\n',
    );
    expect(await cli.run('ps', '--columns', 'task,colour')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('There are task, status'),
    });
    expect(await cli.run('ps', '--filter', 'status=done')).toMatchObject({ code: 2 });
    expect(await printed('-aq', '--sort', '-name')).toBe('c\nb\na\n');
    expect(await printed('-q', '-n', '2', '--sort', '-created')).toBe('c\nb\n');
    expect(await printed('-aq', '--sort', 'status')).toBe('a\nc\nb\n');
    const sized = await printed('-a', '--sort', '-size', '--columns', 'size,task');
    expect(sized).toMatch(/^SIZE +TASK\n.* KiB +a\n/);
    type Sized = { task: string; size: number };
    const [largest, ...others] = await cli.json<Sized[]>('ps', '-a', '--sort=-size', '--json');
    expect(largest?.task).toBe('a');
    expect(others.every(({ size }) => size > 0 && size <= (largest?.size ?? 0))).toBe(true);
    type Timed = { startedAt: string; endedAt: string };
    const longestFirst = await cli.json<Timed[]>('ps', '-a', '--sort=-duration', '--json');
    const took = longestFirst.map((each) => Date.parse(each.endedAt) - Date.parse(each.startedAt));
    expect(took).toEqual(took.toSorted((one, other) => other - one));
    expect(await cli.run('ps', '--sort', '-colour')).toMatchObject({ code: 2 });
    expect((await cli.run('logs', '--tail', '1', 'a')).stdout).toBe('9999\n');
    const long = 'x'.repeat(60);
    await cli.run('run', '--name', 'd', '--', 'true', long);
    const env = ['env', `TASKFS_STORE=${cli.store}`, process.execPath, main];
    const narrow = await inTerminal([...env, 'ps', '-n1', '--columns', 'task,command'], 40);
    await until('it is cut', async () => /^d {5}true x{29}\n\$/m.test(await narrow.screen()));
    const whole = await inTerminal([...env, 'ps', '-n1', '--columns=command', '--no-trunc'], 40);
    await until('it is whole', async () => /^true x{35}\nx{25}\n\$/m.test(await whole.screen()));
    const removed = await cli.run('rm', 'a', 'nope');
    expect(removed).toMatchObject({ code: 3, stdout: 'a\n' });
    expect(removed.stderr).toContain('nope');
  });

  it('waits for the first of several', async () => {
    const cli = newCli();
    await cli.run('run', '-d', '--name', 'long', '--', 'sleep', '1000');
    await cli.run('run', '-d', '--name', 'short', '--', 'sh', '-c', 'exit 4');
    expect(await cli.run('wait', '--any', 'long', 'short')).toMatchObject({
      code: 4,
      stdout: 'short: failed (exit code 4)\n',
    });
    await cli.run('run', '--name', 'x', '-l', 'kind=x', '--', 'true');
    expect(await cli.run('wait', 'long', 'x', '-l', 'kind')).toMatchObject({
      code: 0,
      stdout: 'x: completed\n',
    });
    expect(await cli.run('wait', '--any', 'long', '-l', 'kind')).toMatchObject({
      code: 0,
      stdout: '',
    });
    await cli.run('cancel', '--kill', 'long');
    expect(await cli.run('wait', '--any', 'long')).toMatchObject({ code: 130 });
  });

  it('shows several logs, removes what runs, runs again, and lists tasks as files', async () => {
    const cli = newCli({ env: { TZ: 'Asia/Kolkata' } });
    await cli.run(
      'run',
      '--name',
      'a',
      '-e',
      'WORD=1',
      '--',
      'sh',
      '-c',
      'echo $WORD; printf no-end',
    );
    await cli.run('run', '--name', 'long', '-d', '--', 'sh', '-c', 'echo waits; exec sleep 1000');
    const both = await cli.run('logs', 'a', 'long');
    expect(both.stdout.split('\n').sort()).toEqual([
      '',
      'a    | 1',
      'a    | no-end',
      'long | waits',
    ]);
    expect((await cli.run('ls')).stdout).toBe('a\nlong\n');
    const again = await cli.script('WORD=2 "$T" rerun a --name b');
    expect(again).toMatchObject({ code: 0, stdout: '2\nno-end' });
    await cli.run('pin', 'long');
    expect(await cli.run('rm', '-f', 'long')).toMatchObject({ code: 2 });
    await cli.run('unpin', 'long');
    expect(await cli.run('rm', '-f', 'nope', 'long')).toMatchObject({ code: 0, stdout: 'long\n' });

    const { createdAt } = await cli.json('status', 'a', '--json');
    expect((await cli.run('status', 'a', '--utc')).stdout).toContain(`Created:    ${createdAt}\n`);
    const [, local = ''] =
      /^Created: +(.*) \+0530$/m.exec((await cli.run('status', 'a')).stdout) ?? [];
    const seconds = Math.floor(Date.parse(`${createdAt}`) / 1000);
    expect(Date.parse(`${local.replace(' ', 'T')}+05:30`) / 1000).toBe(seconds);
  });
});
