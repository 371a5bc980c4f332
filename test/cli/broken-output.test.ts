import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newCli } from '../support/cli.ts';

const FULL = 'standard output cannot be written: no space left on device';

test('a run whose output cannot be shown goes on, and is sealed with its log whole', async () => {
  const cli = newCli();
  const task = `head -c 300000 /dev/zero; sleep 0.5
    echo model > "$TASKFS_ARTIFACTS/result"; exit 3`;
  const { code, stderr } = await cli.script(`$T run --name full -- sh -c '${task}' >/dev/full`);
  expect(code).toBe(3);
  expect(stderr).toContain(`S${FULL.slice(1)}. Task full continues`);
  expect(await cli.json('status', 'full', '--json')).toMatchObject({
    artifacts: 'sealed',
    exitCode: 3,
  });
  expect((await cli.run('logs', 'full')).bytes).toHaveLength(300_000);
  expect((await cli.run('cat', 'full', 'result')).stdout).toBe('model\n');
});

test('words that cannot be written end nothing either', async () => {
  const cli = newCli();
  const { code, stdout } = await cli.script(
    `$T run --name quiet -- sh -c 'echo seen; echo lost >&2; exit 4' 2>/dev/full`,
  );
  expect({ code, stdout }).toEqual({ code: 4, stdout: 'seen\n' });
  expect((await cli.run('logs', 'quiet')).stdout).toBe('seen\nlost\n');
});

test('every verb says in one line that its report could not be written', async () => {
  const cli = newCli();
  await cli.script(`$T run --name a -- sh -c 'echo x; echo y > "$TASKFS_ARTIFACTS/f"'`);
  const verbs = [
    ...[
      'ls a',
      'cat a f',
      'ps -a',
      'logs a',
      'status a',
      'status a --json',
      'events a',
      'verify --json',
    ],
    ...[
      'doctor',
      'ls a --json',
      'export a out',
      'recover --json',
      '--help',
      'ls --help',
      '--version',
    ],
    ...['completion bash', 'key show', 'run --json -- true', 'run -d -- true', 'wait a --json'],
  ];
  const script = verbs.map((verb) => `$T ${verb} >/dev/full; echo "= $? ${verb}" >&2`).join('\n');
  const { stderr } = await cli.script(script);
  const said = stderr.split('\n').filter((line) => line.endsWith(FULL));
  const codes = [...stderr.matchAll(/^= (\d+) (.*)$/gm)].map(([, code, verb]) => `${code} ${verb}`);
  const right = (verb: string): number => (/^(run|wait)/.test(verb) ? 125 : 1);
  expect(codes).toEqual(verbs.map((verb) => `${right(verb)} ${verb}`));
  expect(said).toHaveLength(verbs.length);
  expect(stderr).not.toMatch(/not expected|at .*\.ts:/);

  const closed = await cli.script(
    ['ps -a', 'cat a f', '--version', 'run --json -- true', 'run --name b -- echo x', 'unpin a']
      .map((verb) => `$T ${verb} >&-; printf '%s ' $? >>codes`)
      .concat('cat codes')
      .join('\n'),
  );
  expect(closed.stdout).toBe('1 1 1 125 0 0 ');
  expect(closed.stderr.match(/tandard output cannot be written: bad file/g)).toHaveLength(5);
}, 120_000);

test('a terminal that is closed under a run in its background ends the showing only', async () => {
  const cli = newCli();
  const terminal = `
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0: os.execvp('bash', ['bash', '--norc', '-i'])
typed = sys.argv[1] + ' & disown; until [ -e started ]; do sleep 0.05; done; exit\\n'
os.write(fd, typed.encode())
while not os.path.exists('started'): os.set_blocking(fd, False); time.sleep(0.05)
os.close(fd)
open('closed', 'w')`;
  const task = `touch started; until [ -e closed ]; do sleep 0.05; done
seq 3; echo ok > "$TASKFS_ARTIFACTS/result"`;
  writeFileSync(join(cli.base, 'task.sh'), task);
  const { stderr } = await cli.script(`python3 -c "$TERMINAL" "$T run --name away -- sh task.sh"`, {
    TERMINAL: terminal,
  });
  expect(stderr).toBe('');
  expect((await cli.run('wait', 'away')).code).toBe(0);
  expect((await cli.run('logs', 'away')).stdout).toBe('1\n2\n3\n');
  expect((await cli.run('cat', 'away', 'result')).stdout).toBe('ok\n');
});

test('a pipe that others write to as well stays as it is', async () => {
  const cli = newCli();
  const flags = `python3 -c 'import fcntl, os
flags = fcntl.fcntl(int(os.environ["FD"]), fcntl.F_GETFL)
print(flags & os.O_NONBLOCK)'`;
  const { stdout } = await cli.script(
    `
    mkfifo pipe; exec 5<>pipe
    $T run -i -- sh -c '
      touch "$HERE/ready"; until [ -e "$HERE/seen" ]; do sleep 0.05; done' <&5 >&5 2>&5 &
    until [ -e ready ]; do sleep 0.05; done
    FD=5 ${flags}
    $T ps -a >&5 2>&5 <&5; $T status nothing >&5 2>&5
    FD=5 ${flags}
    touch seen; wait`.replaceAll('$HERE', cli.base),
  );
  expect(stdout).toBe('0\n0\n');
});

test('a run with input ends although nobody ends the input', async () => {
  const cli = newCli();
  const { code, stdout } = await cli.script(
    `mkfifo in; exec 5<>in; $T run -i -- sh -c 'echo done; exit 6' <&5`,
  );
  expect({ code, stdout }).toEqual({ code: 6, stdout: 'done\n' });
});
