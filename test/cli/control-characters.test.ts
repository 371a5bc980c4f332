import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newCli } from '../support/cli.ts';

/**
 * A title, a colour, a C1 control, a change of direction, and the end of a line with words of its
 * own.
 */
const HOSTILE = 'p\x1b]0;owned\x07\x1b[31mq\x9b31m\u202er\ntaskfs: all is well\x7f\u2028';
/** What of it a terminal or a reader would obey; line ends are looked for apart. */
const OBEYED = /[\p{Cf}\p{Zl}\p{Zp}]|(?!\n)\p{Cc}/u;

test('words never hold a control character that came from outside', async () => {
  const cli = newCli();
  const directory = join(cli.base, HOSTILE);
  mkdirSync(directory);
  const env = { N: HOSTILE, B: Buffer.from(HOSTILE).toString('latin1') };
  const script = (text: string) => cli.script(text, env);
  await script('$T init 2>/dev/null');
  const calls = [
    `cd "$N"; $T run --name fifo -- sh -c 'cd "$TASKFS_ARTIFACTS"; mkfifo "$N"; echo x > "f$N"'`,
    '$T run --name cmd -- sh -c "exit 3 # $N"',
    '$T run --name nope -- "$N"',
    '$T run --image "$N" -- true',
    '$T run --user "$N" --image x -- true',
    '$T run --network "$N" --image x -- true',
    '$T run -w "$N/none" -- true',
    '$T run --name "$N" -- true',
    '$T run --timeout "$N" -- true',
    '$T run -e "$N" -- true',
    '$T run "--$N" -- true',
    '$T run "$N"',
    '$T ps -a; $T ps -a --json',
    'for t in fifo cmd nope; do $T status $t; $T status $t --json; done',
    'for t in fifo cmd nope; do $T events $t; $T events $t --json; done',
    '$T ls fifo; $T ls -l fifo; $T ls fifo --json; $T ls fifo "$N"',
    '$T cat fifo "no$N"; $T cat fifo "$N"; $T preview fifo "f$N"; $T path fifo "no$N"',
    '$T export fifo "$N"; $T export fifo "$N/$N"',
    '$T status "$N"; $T wait "$N"; $T rm "$N"; $T key add "$N"; $T "$N"; $T ps "--$N"',
    '$T --store "no$N" ps; TASKFS_STORE="no$N" $T ps; $T --store "$N" init',
    '$T mount "$N/none/none"; $T mount "$N"; $T unmount "$N"; $T watch "$N"; $T watch fifo',
    '$T verify; $T recover; $T doctor; DOCKER_HOST="unix://$N" $T run --image x -- true',
    '$T ps "--$N" --debug',
  ];
  for (const call of calls) {
    const { stdout, stderr } = await script(call);
    const shown = stdout + stderr;
    expect.soft(OBEYED.exec(shown)?.[0], call).toBeUndefined();
    expect.soft(shown, call).not.toMatch(/^taskfs: all is well/m);
  }
}, 120_000);

test('data keeps its bytes, and JSON its meaning', async () => {
  const cli = newCli();
  await cli.script('$T init 2>/dev/null');
  writeFileSync(join(cli.base, 'text'), HOSTILE);
  const task = 'cat "$1"; cp "$1" "$TASKFS_ARTIFACTS/$2"';
  const env = { N: 'c\x9b\u202e\u{e0001}d', F: join(cli.base, 'text') };
  await cli.script(`$T run --name a -- sh -c '${task}' sh "$F" "$N" >/dev/null`, env);
  expect((await cli.run('logs', 'a')).stdout).toBe(HOSTILE);
  expect((await cli.script('$T cat a "$N"', env)).stdout).toBe(HOSTILE);
  expect(await cli.json('ls', 'a', '--json')).toMatchObject([{ path: env.N }]);
  expect(await cli.json('status', 'a', '--json')).toMatchObject({
    command: ['sh', '-c', task, 'sh', env.F, env.N],
  });
});
