import { describe, expect, it } from 'vitest';
import { main, newCli } from '../support/cli.ts';
import { describeWithEngine } from '../support/engine.ts';
import { inTerminal } from '../support/tmux.ts';
import { until } from '../support/until.ts';

describeWithEngine('taskfs run --image', ({ image, host }) => {
  const env = { DOCKER_HOST: host };
  const MISSING = 'taskfs-test/there-is-none';

  it('runs in a container, with what it was given, and seals its files', async () => {
    const cli = newCli({ env });
    const script =
      'echo "$K $TASKFS_ARTIFACTS $(pwd)"; cat /data/in > out; echo hi > "$TASKFS_ARTIFACTS/f"';
    const volume = `${import.meta.filename}:/data/in:ro`;
    const args = [
      '--image',
      image,
      '-e',
      'K=v',
      '-w',
      '/tmp',
      '-v',
      volume,
      '--artifacts-at',
      '/out',
    ];
    const more = ['--memory', '64m', '--pids', '50', '--network', 'none', '--label', 'a=b'];
    const ran = await cli.run('run', '--name', 'c', ...args, ...more, '--', 'sh', '-c', script);
    expect(ran).toMatchObject({ code: 0, stdout: 'v /out /tmp\n' });
    expect((await cli.run('cat', 'c', 'f')).stdout).toBe('hi\n');
    expect(await cli.json('status', 'c', '--json')).toMatchObject({ engine: 'docker', image });
  });

  it('has exit codes of its own kind', async () => {
    const cli = newCli({ env });
    const codeOf = async (...args: string[]) => (await cli.run('run', ...args)).code;
    expect(await codeOf('--image', image, '--', 'sh', '-c', 'exit 9')).toBe(9);
    expect(await codeOf('--image', image, '--', 'no-such-command')).toBe(127);
    expect(await codeOf('--image', MISSING, '--pull', 'never', '--', 'true')).toBe(125);
    expect(await codeOf('--image', image, '--artifacts-at', '/', '--', 'true')).toBe(2);
    expect(await codeOf('--image', image, '--artifacts-at', 'here', '--', 'true')).toBe(2);
    expect(await codeOf('--image', image, '-v', '/no/such:/x', '--', 'true')).toBe(125);
    expect(await codeOf('--image', image, '-it', '--', 'cat')).toBe(2);
    for (const name of ['', 'two words', '../containers/x', 'a?b']) {
      expect(await codeOf(`--image=${name}`, '--', 'true')).toBe(2);
    }
  });

  it('gives it this terminal with -it: size, a new size, keys, and back again', async () => {
    const cli = newCli({ env });
    const variables = [`TASKFS_STORE=${cli.store}`, `DOCKER_HOST=${host}`];
    const run = ['run', '-it', '--name', 'term', '--image', image, '--', 'sh'];
    const terminal = await inTerminal(
      ['env', ...variables, process.execPath, main, ...run],
      91,
      21,
    );
    await until('a prompt', async () => /^\/ #/m.test(await terminal.screen()));
    await terminal.press('stty size', 'Enter');
    await until('its size', async () => (await terminal.screen()).includes('21 91'));
    await terminal.resize(70, 30);
    await until('its new size', async () => {
      await terminal.press('stty size', 'Enter');
      return (await terminal.screen()).includes('30 70');
    });
    await terminal.press('echo go$((1))ing; sleep 600', 'Enter');
    await until('it sleeps', async () => (await terminal.screen()).includes('go1ing'));
    await terminal.press('C-c');
    await until('a prompt again', async () => /\^C\s*\n\/ #/.test(await terminal.screen()));
    await terminal.press('exit 4', 'Enter');
    await until('its end', async () => (await terminal.screen()).includes('Sealed in'));
    await terminal.press('stty -a | grep -o " icanon"', 'Enter');
    await until('the terminal as it was', async () => / icanon$/m.test(await terminal.screen()));
    expect(await cli.json('status', 'term', '--json')).toMatchObject({ exitCode: 4 });
  });
});

describe('no engine', () => {
  it('is told with what to do', async () => {
    const cli = newCli({ env: { DOCKER_HOST: 'unix:///no/such/socket' } });
    const { code, stderr } = await cli.run('run', '--image', 'busybox', '--', 'true');
    expect(code).toBe(125);
    expect(stderr).toContain('leave out --image');
    // However it did not start: it is over, and its attempt is listed.
    const [task] = await cli.json<object[]>('ps', '-a', '--json');
    expect(task).toMatchObject({
      reasonKind: 'not-started',
      artifacts: 'sealed',
      attempts: [{ exitCode: null, reason: expect.stringContaining('leave out --image') }],
    });
  });
});
