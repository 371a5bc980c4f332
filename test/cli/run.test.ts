import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { finished, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

const FIELDS = [
  'task',
  'status',
  'artifacts',
  'reason',
  'exitCode',
  'signal',
  'command',
  'engine',
  'image',
  'createdAt',
  'startedAt',
  'endedAt',
  'sealedAt',
  'sealMs',
  'supervisorPid',
  'attempts',
];
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.each([undefined, 'plain'] as const)('taskfs run, user %s', (user) => {
  const options = user ? { user } : {};

  it('passes output, exit code and arguments on, and seals', async () => {
    const cli = newCli(options);
    const script = 'printf "%s|" "$@"; echo words >&2; echo kept > "$TASKFS_ARTIFACTS/f"; exit 3';
    const ran = await cli.run('run', '--name', 'a', '--', 'sh', '-c', script, 'sh', '--all', '-d');
    expect(ran.code).toBe(3);
    expect(ran.stdout).toBe('--all|-d|');
    expect(ran.stderr).toMatch(/^words$/m);

    const status = await cli.json('status', 'a', '--json');
    expect(Object.keys(status)).toEqual(expect.arrayContaining(FIELDS));
    expect(status).toMatchObject({
      task: 'a',
      status: 'failed',
      artifacts: 'sealed',
      exitCode: 3,
      signal: null,
      command: ['sh', '-c', script, 'sh', '--all', '-d'],
      engine: 'process',
      image: null,
      supervisorPid: null,
    });
    for (const at of ['createdAt', 'startedAt', 'endedAt', 'sealedAt']) {
      expect(status[at]).toMatch(ISO);
    }
    expect(status.sealMs).toBeTypeOf('number');
    expect(status.attempts).toHaveLength(1);
    expect(await cli.json('ps', '-a', '--json')).toEqual([status]);
    expect(await cli.json('ps', '--json')).toEqual([]);
    expect(await cli.json('ps', '--status', 'completed', '--json')).toEqual([]);
    expect((await cli.run('cat', 'a', 'f')).stdout).toBe('kept\n');
    expect((await cli.run('logs', 'a')).stdout).toContain('words');
  });

  it('tells of a new store once, on stderr, and puts no secret into a log', async () => {
    const cli = newCli(options);
    const first = await cli.run('run', '--', 'true');
    expect(first.stderr).toContain('A new store');
    expect(first.stderr).toContain('taskfs key recovery');
    expect(first.stdout + first.stderr).not.toMatch(/AGE-SECRET-KEY/i);
    expect(first.stdout).toBe('');
    const second = await cli.run('run', '--', 'true');
    expect(second.stderr).toBe('');
  });
});

describe('a task that is tried again', () => {
  it('lists its attempts', async () => {
    const cli = newCli();
    const script =
      'echo . >> "$TASKFS_ARTIFACTS/n"; exit $((3 - $(wc -l < "$TASKFS_ARTIFACTS/n")))';
    const run = ['run', '--name', 'again', '--retries', '5', '--', 'sh', '-c', script];
    expect((await cli.run(...run)).code).toBe(0);
    const { stdout } = await cli.run('status', 'again');
    expect(stdout.match(/^Attempt \d: .*$/gm)?.map((line) => line.replace(/ +/g, ' '))).toEqual([
      'Attempt 1: exited with 2',
      'Attempt 2: exited with 1',
      'Attempt 3: exited with 0',
    ]);
  });
});

describe('exit codes of run', () => {
  it('follow the table', async () => {
    const cli = newCli();
    await cli.run('init');
    const codeOf = async (...args: string[]) => (await cli.run('run', ...args)).code;
    expect(await codeOf('--', 'sh', '-c', 'exit 7')).toBe(7);
    expect(await codeOf('--timeout', '300ms', '--', 'sleep', '60')).toBe(124);
    expect(await codeOf('-w', '/no/such/directory', '--', 'true')).toBe(125);
    expect(await codeOf('--', '/etc/passwd')).toBe(126);
    expect(await codeOf('--', 'no-such-command')).toBe(127);
    expect(await codeOf('--', 'sh', '-c', 'kill -TERM $$')).toBe(143);
  });

  it('cancels at Ctrl-C, and exits with 130', async () => {
    const cli = newCli();
    await cli.run('init');
    const child = cli.start('run', '--name', 'c', '--', 'sh', '-c', 'echo up; sleep 600');
    child.stdout.once('data', () => child.kill('SIGINT'));
    expect((await finished(child)).code).toBe(130);
    expect(await cli.json('status', 'c', '--json')).toMatchObject({
      status: 'cancelled',
      artifacts: 'sealed',
    });
  });
});

describe('the name of a task', () => {
  it.each(['a/b', '../a', '..', '-a', 'a'.repeat(200), '', 'a\nb'])(
    '%j is refused',
    async (name) => {
      const cli = newCli();
      const { code, stderr } = await cli.run('run', `--name=${name}`, '--', 'true');
      expect(code).toBe(2);
      expect(stderr).toContain('name');
      expect(await cli.json('ps', '-a', '--json')).toEqual([]);
    },
  );

  it('is refused where it is in use, until it is removed', async () => {
    const cli = newCli();
    await cli.run('run', '--name', 'a', '--', 'true');
    const again = await cli.run('run', '--name', 'a', '--', 'true');
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('exists already');
    expect((await cli.run('rm', 'a')).stdout).toBe('a\n');
    expect((await cli.run('status', 'a')).code).toBe(3);
    expect((await cli.run('run', '--name', 'a', '--', 'true')).code).toBe(0);
  });

  it('is refused in other verbs before a path is built from it', async () => {
    const cli = newCli();
    await cli.run('init');
    for (const verb of ['status', 'wait', 'cancel', 'logs', 'ls', 'path', 'rm', 'seal']) {
      expect((await cli.run(verb, '../keys')).code).toBe(2);
      expect([3, 125]).toContain((await cli.run(verb, 'nobody')).code);
    }
  });
});

describe('what run is given', () => {
  it('hands variables on, and records their names only', async () => {
    const cli = newCli({ env: { FROM_HERE: 'inherited-secret' } });
    const args = ['-e', 'GIVEN=given-secret', '-e', 'FROM_HERE', '-e', 'NOT_SET'];
    const script = 'echo "$GIVEN $FROM_HERE $NOT_SET"';
    const { stdout } = await cli.run('run', '--name', 'e', ...args, '--', 'sh', '-c', script);
    expect(stdout).toBe('given-secret inherited-secret \n');
    const record = readFileSync(join(cli.store, 'tasks/e/task.json'), 'utf8');
    expect(JSON.parse(record).env).toEqual(['GIVEN', 'FROM_HERE', 'NOT_SET']);
    expect(record).not.toContain('secret');
  });

  it.each([
    ['--timeout', 'soon'],
    ['--retries', '-1'],
    ['--retries', 'x'],
    ['--max-running', '0'],
    ['-e', '=x'],
    ['--memory', 'much'],
    ['--network', 'none'],
    ['-v', '/a:/b'],
    ['--engine', 'docker'],
  ])('refuses %s %s', async (...args) => {
    const cli = newCli();
    const { code, stderr } = await cli.run('run', ...args, '--', 'true');
    expect(code).toBe(2);
    expect(stderr).not.toBe('');
  });

  it.each([
    ['--memory', 'much'],
    ['--cpus', '0'],
    ['--pids', '1.5'],
    ['-v', 'a'],
    ['-v', '/a:/b:rx'],
    ['--pull', 'sometimes'],
  ])('refuses %s %s for a container', async (...args) => {
    const { code } = await newCli().run('run', '--image', 'x', ...args, '--', 'true');
    expect(code).toBe(2);
  });

  it('passes standard input on with -i only', async () => {
    const cli = newCli();
    const child = cli.start('run', '-i', '--', 'cat');
    child.stdin.end('from here\n');
    expect((await finished(child)).stdout).toBe('from here\n');
    const without = cli.start('run', '--', 'cat');
    without.stdin.end('from here\n');
    expect((await finished(without)).stdout).toBe('');
  });
});

describe('tasks in the background', () => {
  it('are listed, followed, waited for', async () => {
    const cli = newCli();
    const script =
      'echo one; until [ -e "$TASKFS_ARTIFACTS/go" ]; do sleep 0.05; done; echo two; exit 5';
    const { stdout, code } = await cli.run('run', '-d', '--name', 'bg', '--', 'sh', '-c', script);
    expect({ stdout, code }).toEqual({ stdout: 'bg\n', code: 0 });
    await until(
      'it runs',
      async () => (await cli.json('status', 'bg', '--json')).status === 'running',
    );
    expect((await cli.json('status', 'bg', '--json')).supervisorPid).toBeTypeOf('number');
    for (const verb of ['rm', 'seal']) {
      const { code, stderr } = await cli.run(verb, 'bg');
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringMatching(/task bg is running\b.*\n.*'taskfs cancel bg'/),
      });
    }
    const logs = finished(cli.start('logs', '-f', 'bg'));
    const { stdout: staging } = await cli.run('path', 'bg');
    const waiting = finished(cli.start('wait', 'bg'));
    await cli.run('run', '--', 'touch', join(staging.trim(), 'go'));
    expect((await logs).stdout).toBe('one\ntwo\n');
    expect(await waiting).toMatchObject({ code: 5, stdout: 'bg: failed (exit code 5)\n' });
    const events = (await cli.run('events', 'bg', '--json')).stdout.trim().split('\n');
    expect(events.map((line) => JSON.parse(line).type)).toEqual(
      expect.arrayContaining(['submitted', 'started', 'ended', 'sealed']),
    );
  });

  it('are paused, resumed, cancelled', async () => {
    const cli = newCli();
    const ticks = 'while :; do echo tick; sleep 0.05; done';
    await cli.run('run', '-d', '--name', 'p', '--', 'sh', '-c', ticks);
    await until(
      'it runs',
      async () => (await cli.json('status', 'p', '--json')).status === 'running',
    );
    expect((await cli.run('pause', 'p')).code).toBe(0);
    expect(await cli.json('status', 'p', '--json')).toMatchObject({ paused: true });
    expect((await cli.run('resume', 'p')).code).toBe(0);
    expect(await cli.json('status', 'p', '--json')).toMatchObject({ paused: false });
    expect((await cli.run('cancel', 'p')).code).toBe(0);
    expect((await cli.run('wait', 'p')).code).toBe(130);
    const again = await cli.run('cancel', 'p');
    expect(again.code).toBe(0);
    expect(again.stderr).toContain('ended already');
  });

  it('end with a report where --json asks for one', async () => {
    const cli = newCli();
    const report = await cli.json('run', '--json', '--name', 'j', '--', 'echo', 'in the log');
    expect(report).toMatchObject({ task: 'j', status: 'completed', artifacts: 'sealed' });
    expect((await cli.run('logs', 'j')).stdout).toBe('in the log\n');
  });
});

describe('taskfs prune', () => {
  it('removes what it is told, and nothing that is not sealed', async () => {
    const cli = newCli();
    for (const name of ['one', 'two', 'three']) await cli.run('run', '--name', name, '--', 'true');
    await cli.run('run', '-d', '--name', 'live', '--', 'sleep', '600');
    expect((await cli.run('prune')).code).toBe(2);
    expect((await cli.run('prune', '--older-than', '1h')).stdout).toBe('');
    const dry = await cli.run('prune', '--keep-last', '1', '--dry-run');
    expect(dry.stdout).toMatch(/^remove +one .*\nremove +two .*\nkeep +three /);
    expect(await cli.json('ps', '-a', '--json')).toHaveLength(4);
    expect(await cli.json('prune', '--keep-last', '1', '--json')).toEqual(['one', 'two']);
    const left = await cli.json<{ task: string }[]>('ps', '-a', '--json');
    expect(left.map(({ task }) => task)).toEqual(['three', 'live']);
    expect(await cli.json('prune', '--older-than', '1ms', '--json')).toEqual(['three']);
    expect(readdirSync(join(cli.store, 'archive'))).toEqual([]);
  });
});
