import { expect, it } from 'vitest';
import { type Cli, main, newCli } from '../support/cli.ts';
import { inTerminal } from '../support/tmux.ts';
import { until } from '../support/until.ts';

const SAY_SIZE = 'echo now; stty size';
const IDLE = 'while sleep 0.1; do :; done';

/** A terminal of 91 by 21 in which taskfs runs; `shows` waits for what is to be on its screen. */
async function terminalOf(cli: Cli, ...args: readonly string[]) {
  const command = ['env', `TASKFS_STORE=${cli.store}`, process.execPath, main, ...args];
  const terminal = await inTerminal(command, 91, 21);
  const shows = (what: string, pattern: RegExp): Promise<boolean> =>
    until(what, async () => pattern.test(await terminal.screen()));
  return { terminal, shows };
}

/** A command of the shell in there is told of a new size, and Ctrl-C ends it. */
async function resizeAndInterrupt({ terminal, shows }: Awaited<ReturnType<typeof terminalOf>>) {
  await terminal.press(`sh -c "trap '${SAY_SIZE}' WINCH; echo wait$((1))ing; ${IDLE}"`, 'Enter');
  await shows('that it waits', /^wait1ing$/m);
  await terminal.resize(70, 30);
  await shows('that it is told of a new size', /^now\n30 70$/m);
  await terminal.press('C-c');
  await shows('a prompt again', /\^C\s*\nready>/);
}

it('a local task has this terminal with -it: size, a new size, keys, and back again', async () => {
  const cli = newCli();
  const run = ['run', '-it', '--name', 'term', '-e', 'PS1=ready> ', '--', 'sh'];
  const inside = await terminalOf(cli, ...run);
  const { terminal, shows } = inside;
  await shows('a prompt', /^ready>/m);
  await terminal.press('stty size; test -t 0 -a -t 1 -a -t 2 && tty', 'Enter');
  await shows('its size, and that it is a terminal', /21 91\n\/dev\/pts\/\d+\n/);
  await resizeAndInterrupt(inside);
  await terminal.press('exit 4', 'Enter');
  await shows('its end', /Sealed in/);
  await terminal.press('stty -a | grep -o " icanon"', 'Enter');
  await shows('the terminal as it was', / icanon$/m);
  expect(await cli.json('status', 'term', '--json')).toMatchObject({ exitCode: 4 });
  expect((await cli.run('logs', 'term')).stdout).toContain('21 91\r\n/dev/pts/');
});

it('a local task has a terminal of its own with -t, also in the background', async () => {
  const cli = newCli();
  const script = 'test -t 0 -a -t 1 -a -t 2 && echo yes; echo no >/dev/tty; seq 20000 | tail -1';
  const { stdout } = await cli.run('run', '-t', '--', 'sh', '-c', script);
  expect(stdout).toBe('yes\r\nno\r\n20000\r\n');
  await cli.run('run', '-d', '-t', '--name', 'far', '--', 'sh', '-c', `${script}; exit 3`);
  expect((await cli.run('wait', 'far')).code).toBe(3);
  expect((await cli.run('logs', 'far')).stdout).toBe(stdout);
  // A command that cannot be started leaves nothing open that would keep taskfs from ending.
  expect((await cli.run('run', '-t', '--', 'no-such-command')).code).toBe(127);
});

it('a local task in the background has input by attach, also without a terminal', async () => {
  const cli = newCli();
  const shell = ['run', '-dit', '--name', 'term', '-e', 'PS1=ready> ', '--', 'sh'];
  expect(await cli.run(...shell)).toMatchObject({ code: 0 });
  const inside = await terminalOf(cli, 'attach', 'term');
  const { terminal, shows } = inside;
  await until('it has keys', async () => {
    await terminal.press('Enter');
    return /^ready>/m.test(await terminal.screen());
  });
  await terminal.press('stty size', 'Enter');
  await shows('its size', /^21 91$/m);
  await resizeAndInterrupt(inside);
  await terminal.press('C-p', 'C-q');
  await shows('that it is left', /Left task term: it goes on\.\n\$/);
  await terminal.press('echo l$((0))cal', 'Enter');
  await shows('its own shell', /^l0cal$/m);
  expect((await cli.run('logs', 'term')).stdout).not.toContain('l0cal');
  const exit = await cli.script('echo "exit 4" | "$T" attach term');
  expect(exit).toMatchObject({ code: 4, stdout: expect.stringContaining('exit 4') });

  const lines = 'read -r a; echo "got $a"; read -r b; echo "and $b"';
  await cli.run('run', '-d', '-i', '--name', 'plain', '--', 'sh', '-c', lines);
  const first = cli.script('echo one | "$T" attach plain');
  await until('it got one', async () => (await cli.run('logs', 'plain')).stdout === 'got one\n');
  expect(await cli.script('echo two | "$T" attach plain')).toMatchObject({
    code: 0,
    stdout: 'and two\n',
    stderr: '',
  });
  expect(await first).toMatchObject({ code: 0, stdout: expect.stringContaining('and two\n') });
}, 60_000);
