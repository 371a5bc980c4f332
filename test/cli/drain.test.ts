import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readEvents } from '../../src/store/index.ts';
import { type Cli, finished, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

/** Starts a task that ends when its file `go` appears; how it ended. */
function startTask(cli: Cli, ...options: string[]): ReturnType<typeof finished> {
  const script = 'cd "$TASKFS_ARTIFACTS"; touch up; until [ -e go ]; do sleep 0.05; done';
  return finished(cli.start('run', '--name', 't', ...options, '--', 'sh', '-c', script));
}

/** A shell that has a file open for writing, and does the line that it reads. */
async function openWriter(path: string): Promise<ChildProcess> {
  const shell = spawn('sh', [
    '-c',
    'exec 3>>"$0"; echo early >&3; echo; read -r line; eval "$line"',
    path,
  ]);
  onTestFinished(() => void shell.kill('SIGKILL'));
  await once(shell.stdout, 'data');
  return shell;
}

async function mounted(cli: Cli): Promise<string> {
  const mountpoint = join(cli.base, 'mnt');
  mkdirSync(mountpoint);
  await cli.run('init');
  expect((await cli.run('mount', mountpoint)).code).toBe(0);
  return mountpoint;
}

it('names a writer that never closes, and seals what it wrote until then', async () => {
  const cli = newCli();
  const mountpoint = await mounted(cli);
  const ended = startTask(cli, '--drain', '300ms');
  await until('it is shown', () => existsSync(join(cli.store, 'staging/t/up')));
  const writer = await openWriter(join(mountpoint, 'live/t/out.log'));
  const other = spawn('touch', [join(mountpoint, 'live/t/go')]);
  await once(other, 'close');
  const { code, stderr } = await ended;
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(
      `open for writing after 0.3 s: 'out.log' by sh .pid ${writer.pid}`,
    ),
  });
  expect((await cli.run('cat', 't', 'out.log')).stdout).toBe('early\n');
  const events = readEvents(join(cli.store, 'tasks/t/events.jsonl'));
  expect(events).toContainEqual(
    expect.objectContaining({
      type: 'not-drained',
      drainMs: 300,
      writers: [{ pid: writer.pid, program: 'sh' }],
    }),
  );
});

it('waits for a writer that closes in time, and seals all it wrote', async () => {
  const cli = newCli();
  const mountpoint = await mounted(cli);
  const ended = startTask(cli, '--drain', '5m');
  await until('it is shown', () => existsSync(join(cli.store, 'staging/t/up')));
  const writer = await openWriter(join(mountpoint, 'live/t/out.log'));
  await once(spawn('touch', [join(mountpoint, 'live/t/go')]), 'close');
  await until(
    'it has ended',
    async () => (await cli.json('status', 't', '--json')).endedAt !== null,
  );
  writer.stdin?.end('echo late >&3\n');
  const { code, stderr } = await ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect((await cli.run('cat', 't', 'out.log')).stdout).toBe('early\nlate\n');
});

it('refuses a time that is none', async () => {
  const cli = newCli();
  expect((await cli.run('run', '--drain', 'soon', '--', 'true')).code).toBe(2);
  expect((await cli.run('run', '--drain', '0', '--', 'true')).code).toBe(0);
});
