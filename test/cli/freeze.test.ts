import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Cli, finished, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

const drivers = [
  { name: 'kernel', options: ['--live', 'fuse'] },
  { name: 'libfuse', options: ['--driver', 'libfuse'] },
];

/** A task in a mount, which ends when its file `go` appears. */
async function liveTask(cli: Cli, options: readonly string[], drain: string) {
  const mountpoint = join(cli.base, 'mnt');
  mkdirSync(mountpoint);
  await cli.run('init');
  expect((await cli.run('mount', ...options, mountpoint)).code).toBe(0);
  const script = 'cd "$TASKFS_ARTIFACTS"; touch up; until [ -e go ]; do sleep 0.05; done';
  const run = cli.start('run', '--name', 't', '--drain', drain, '--', 'sh', '-c', script);
  const live = join(mountpoint, 'live/t');
  await until('it is shown', () => existsSync(join(cli.store, 'staging/t/up')));
  const end = async (): Promise<void> => {
    await once(spawn('touch', [join(live, 'go')]), 'close');
  };
  return { live, ended: finished(run), end };
}

/** A shell on the mount; never this process, which would hang with it. */
function shell(script: string, ...args: string[]): ChildProcess {
  const child = spawn('bash', ['-c', script, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const isSealing = async (cli: Cli): Promise<boolean> =>
  (await cli.json('status', 't', '--json')).endedAt !== null;

describe.each(drivers)('while a task is being sealed ($name)', ({ name, options }) => {
  it('every change is refused but those of who has the file open for writing', async () => {
    const cli = newCli();
    const { live, ended, end } = await liveTask(cli, options, '5m');
    const writer = shell(
      'cd "$0"; exec 3>>out.log; echo early >&3; echo; read -r _; ' +
        'echo late >&3; chmod 640 out.log; exec 3>&-; read -r _',
      live,
    );
    await once(writer.stdout as NodeJS.ReadableStream, 'data');
    await end();
    await until('it has ended', () => isSealing(cli));
    const changes = [
      'echo x > new',
      'echo x >> up',
      ': > up',
      'mkdir d',
      'ln -s x l',
      'ln up hard',
      'mv up down',
      'rm up',
      'chmod 600 up',
      'touch up',
      'truncate -s 1 up',
      'mknod p p',
    ];
    const tries = changes.map((change) => `{ ${change}; } 2>&1 || echo "refused ${change}"`);
    const ask = '[ -w up ] || echo "not writable"';
    const attempts = shell(`cd "$0"; cat up; ${ask}; ${tries.join('; ')}`, live);
    const said = await text(attempts.stdout as NodeJS.ReadableStream as never);
    expect(changes.filter((change) => !said.includes(`refused ${change}\n`))).toEqual([]);
    expect(said.match(/Read-only file system/g)).toHaveLength(changes.length);
    // With libfuse the kernel asks nobody, and goes by the mode.
    expect(said.includes('not writable')).toBe(name === 'kernel');
    writer.stdin?.write('\n');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
    expect((await cli.run('cat', 't', 'out.log')).stdout).toBe('early\nlate\n');
    const [entry] = await cli.json<{ mode: string }[]>('ls', '--json', 't', 'out.log');
    expect(entry?.mode).toBe('0640');
  });

  it('a writer that never closes is cut off when its time is over', async () => {
    const cli = newCli();
    const { live, ended, end } = await liveTask(cli, options, '300ms');
    const refused = join(cli.base, 'refused');
    // It counts up until a write fails, and says which was the last that did not.
    const writer = shell(
      'exec 3>>"$0"; i=0; while echo $((i + 1)) >&3; do i=$((i + 1)); done 2>"$1"; ' +
        'echo $i; read -r _',
      join(live, 'count'),
      refused,
    );
    await until('it writes', () => existsSync(join(cli.store, 'staging/t/count')));
    const last = once(writer.stdout as NodeJS.ReadableStream, 'data');
    await end();
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/open for writing after 0.3 s: 'count' by bash/);
    expect(stderr).not.toMatch(/sealed while it was being written/);
    const numbers = (await cli.run('cat', 't', 'count')).stdout.trim().split('\n');
    expect(numbers.at(-1)).toBe(String(await last).trim());
    expect(readFileSync(refused, 'utf8')).toMatch(/Read-only file system/);
    expect((await cli.json('status', 't', '--json')).frozenAt).toMatch(/^2/);
  });
});
