import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Cli, finished, main, newCli } from '../support/cli.ts';
import { describeWithEngine } from '../support/engine.ts';
import { inTerminal } from '../support/tmux.ts';
import { until } from '../support/until.ts';

interface Stats {
  readonly task: string;
  readonly cpuNs: number;
  readonly cpuPercent: number | null;
  readonly memoryBytes: number;
  readonly processes: number;
  readonly filesBytes: number;
}

/** What a busy task uses, once it had some of the processor meanwhile. */
const measured = (cli: Cli, ...tasks: string[]): Promise<Stats[]> =>
  until('it computes', async () => {
    const stats = await cli.json<Stats[]>('stats', '--no-stream', '--json', ...tasks);
    return Number(stats[0]?.cpuPercent) > 0 ? stats : undefined;
  });

const BUSY = 'head -c 5000 /dev/zero > "$TASKFS_ARTIFACTS/f"; echo ready; while :; do :; done';

describe('a local process', () => {
  it('gets further commands, in its environment and directory, which end with it', async () => {
    const cli = newCli();
    const idle = 'echo ready; exec sleep 1000';
    const run = [
      'run',
      '-d',
      '--name',
      't',
      '-w',
      '/usr',
      '-e',
      'SECRET=s',
      '--',
      'sh',
      '-c',
      idle,
    ];
    await cli.script(`OF_TASK=o "$T" ${run.map((word) => `'${word}'`).join(' ')}`);
    await until('it runs', async () => (await cli.run('logs', 't')).stdout === 'ready\n');
    const seen =
      'echo "$SECRET $OF_TASK $MORE $TASKFS_TASK $(pwd)"; ls -d "$TASKFS_ARTIFACTS"; exit 7';
    expect(await cli.run('exec', '-e', 'MORE=m', 't', '--', 'sh', '-c', seen)).toMatchObject({
      code: 7,
      stdout: `s o m t /usr\n${cli.store}/staging/t\n`,
    });
    const piped = 'echo in | "$T" exec -i -w / t -- sh -c "cat; pwd; echo err >&2; kill -9 \\$\\$"';
    expect(await cli.script(piped)).toMatchObject({
      code: 137,
      stdout: 'in\n/\n',
      stderr: 'err\n',
    });
    expect(await cli.run('exec', 't', '--', 'no-such-command')).toMatchObject({ code: 127 });
    expect(await cli.run('exec', '-u', '1', 't', '--', 'id')).toMatchObject({ code: 2 });
    expect((await cli.run('exec', 't', 'ls')).stderr).toContain("'taskfs exec TASK -- ls …'");
    expect((await cli.run('logs', 't')).stdout).toBe('ready\n');

    const asks = 'echo "$SECRET at $(tty)"; read -r line; echo "got $line"';
    const exec = ['exec', '-it', 't', '--', 'sh', '-c', asks];
    const env = ['env', `TASKFS_STORE=${cli.store}`];
    const terminal = await inTerminal([...env, process.execPath, main, ...exec]);
    await until('it asks', async () => /^s at \/dev\//m.test(await terminal.screen()));
    await terminal.press('words', 'Enter');
    await until('it has input', async () => /^got words/m.test(await terminal.screen()));

    const left = cli.start('exec', 't', '--', 'sh', '-c', 'echo up; exec sleep 1000');
    const ended = new Promise((resolve) => left.once('close', resolve));
    await new Promise((resolve) => left.stdout.once('data', resolve));
    await cli.run('cancel', '--kill', 't');
    expect(await ended).toBe(137);
    await cli.run('wait', 't');
    expect(await cli.run('exec', 't', '--', 'true')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is sealed: it has no running process'),
    });
  });

  it('is attached to: what it prints from now on, and signals', async () => {
    const cli = newCli();
    const script = `trap 'echo ended; exit 5' INT; echo before
      while :; do [ -e "$0/go" ] && echo after && rm "$0/go"; sleep 0.05; done`;
    await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', script, cli.base);
    await until('it runs', async () => (await cli.run('logs', 't')).stdout === 'before\n');
    const attach = async (...options: string[]) => {
      const child = cli.start('attach', ...options, 't');
      const ended = finished(child);
      const seen = new Promise((resolve) => child.stdout.once('data', resolve));
      // Until it sees one: it may not be there yet.
      let isSeen = false;
      void seen.then(() => {
        isSeen = true;
      });
      await until('it is attached', () => {
        writeFileSync(join(cli.base, 'go'), '');
        return isSeen;
      });
      child.kill('SIGINT');
      return ended;
    };
    const left = await attach('--no-sig-proxy');
    expect(left.stdout).toMatch(/^(after\n)+$/);
    expect(left.stderr).toContain('Task t takes no input: it was started without -i.');
    expect(await cli.json('status', 't', '--json')).toMatchObject({ status: 'running' });
    const passed = await attach();
    expect(passed).toMatchObject({ code: 5, stdout: expect.stringMatching(/^(after\n)+ended\n$/) });
    expect(await cli.run('attach', 't')).toMatchObject({ code: 2 });
  });

  it('is measured', async () => {
    const cli = newCli();
    await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', BUSY);
    await until('it runs', async () => (await cli.run('logs', 't')).stdout === 'ready\n');
    const stats = await measured(cli);
    expect(stats).toMatchObject([{ task: 't', processes: 1, filesBytes: 5000 }]);
    expect(stats[0]?.memoryBytes).toBeGreaterThan(100_000);
    const table = cli.start('stats', 't');
    const [lines] = await Promise.all([
      new Promise<string>((resolve) => {
        let all = '';
        table.stdout.on('data', (data) => {
          all += data;
        });
        table.once('close', () => resolve(all));
      }),
      new Promise((resolve) => table.stdout.once('data', resolve)).then(() =>
        cli.run('cancel', '--kill', 't'),
      ),
    ]);
    expect(lines).toMatch(/^TASK +CPU +MEMORY .*FILES\nt +[\d.]+ % .* 4\.9 KiB\n/);
    expect(await cli.run('stats', 't')).toMatchObject({ code: 2 });
  });
});

describeWithEngine('a container', ({ image, host }) => {
  it('gets further commands and is measured, as docker does', async () => {
    const cli = newCli({ env: { DOCKER_HOST: host } });
    const options = ['--image', image, '-w', '/tmp', '-e', 'K=v', '--artifacts-at', '/out'];
    await cli.run('run', '-d', '--name', 'c', ...options, '--', 'sh', '-c', BUSY);
    await until('it runs', async () => (await cli.run('logs', 'c')).stdout === 'ready\n');
    const seen = 'echo "$K $MORE $(pwd)"; echo err >&2; cat; id -u; exit 7';
    const exec = `echo in | "$T" exec -i -u 12 -e MORE=m c -- sh -c '${seen}'`;
    expect(await cli.script(exec)).toMatchObject({
      code: 7,
      stdout: 'v m /tmp\nin\n12\n',
      stderr: 'err\n',
    });
    const stats = await measured(cli, 'c');
    expect(stats).toMatchObject([{ task: 'c', processes: expect.any(Number), filesBytes: 5000 }]);
    expect(stats[0]?.memoryBytes).toBeGreaterThan(10_000);
    await cli.script('mkdir d; echo new > d/x; "$T" cp d c:');
    expect((await cli.run('exec', 'c', '--', 'cat', '/out/d/x')).stdout).toBe('new\n');

    const terminal = await inTerminal(
      [
        'env',
        `TASKFS_STORE=${cli.store}`,
        `DOCKER_HOST=${host}`,
        ...[process.execPath, main, 'exec', '-it', 'c', '--', 'sh'],
      ],
      91,
      21,
    );
    await until('a prompt', async () => (await terminal.screen()).includes('/tmp #'));
    await terminal.press('stty size', 'Enter');
    await until('its size', async () => (await terminal.screen()).includes('21 91'));
    await terminal.press('exit 3', 'Enter');
    await until('its end', async () => /\n\$/.test(await terminal.screen()));
    await terminal.press('echo code $?', 'Enter');
    await until('its code', async () => (await terminal.screen()).includes('code 3'));
    await cli.run('cancel', '--kill', 'c');
  });

  it('is given what is typed while it is attached to, and is left by keys', async () => {
    const cli = newCli({ env: { DOCKER_HOST: host } });
    const env = ['env', `TASKFS_STORE=${cli.store}`, `DOCKER_HOST=${host}`];
    const call = (...args: string[]) => [...env, process.execPath, main, ...args];
    const asks = 'while read -r line; do echo "got $line"; done';
    const run = ['run', '-it', '--name', 'c', '--image', image, '--', 'sh', '-c', asks];
    const first = await inTerminal(call(...run));
    await first.press('one', 'Enter');
    await until('it reads', async () => /^got one/m.test(await first.screen()));
    const second = await inTerminal(call('attach', 'c'));
    await until('it is attached', async () => {
      await second.press('two', 'Enter');
      return /^got two/m.test(await second.screen());
    });
    await until('both show it', async () => /^got two/m.test(await first.screen()));
    await second.press('C-p', 'C-q');
    await until('it was left', async () => {
      await second.press('echo ba$((1))ck', 'Enter');
      return /^ba1ck/m.test(await second.screen());
    });
    expect(await cli.json('status', 'c', '--json')).toMatchObject({ status: 'running' });
    await cli.run('rm', '-f', 'c');

    const lines = 'read -r a; echo "got $a"; read -r b; echo "and $b"';
    await cli.run('run', '-d', '-i', '--name', 'd', '--image', image, '--', 'sh', '-c', lines);
    const one = cli.script('echo one | "$T" attach d');
    await until('it got one', async () => (await cli.run('logs', 'd')).stdout === 'got one\n');
    const two = { code: 0, stdout: 'and two\n', stderr: '' };
    expect(await cli.script('echo two | "$T" attach d')).toMatchObject(two);
    expect(await one).toMatchObject({ code: 0 });
  });
});
