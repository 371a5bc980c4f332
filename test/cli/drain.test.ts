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

async function mounted(cli: Cli, ...options: string[]): Promise<string> {
  const mountpoint = join(cli.base, 'mnt');
  mkdirSync(mountpoint);
  await cli.run('init');
  expect((await cli.run('mount', ...options, mountpoint)).code).toBe(0);
  return mountpoint;
}

it('names a writer that never closes, and seals what it wrote until then', async () => {
  const cli = newCli();
  const mountpoint = await mounted(cli, '--live', 'fuse');
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

it('waits for a writer in staging itself, which no mount knows of', async () => {
  const cli = newCli();
  await cli.run('init');
  const ended = startTask(cli, '--drain', '5m');
  const staging = join(cli.store, 'staging/t');
  await until('it runs', () => existsSync(join(staging, 'up')));
  const writer = await openWriter(join(staging, 'out.log'));
  await once(spawn('touch', [join(staging, 'go')]), 'close');
  await until('its name is taken away', () => !existsSync(staging));
  writer.stdin?.end('echo late >&3\n');
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
  expect((await cli.run('cat', 't', 'out.log')).stdout).toBe('early\nlate\n');
});

it('keeps what a writer in staging closes too late, names it, and seals it later', async () => {
  const cli = newCli();
  await cli.run('init');
  const ended = startTask(cli, '--drain', '300ms');
  const staging = join(cli.store, 'staging/t');
  await until('it runs', () => existsSync(join(staging, 'up')));
  const writer = await openWriter(join(staging, 'out.log'));
  await once(spawn('touch', [join(staging, 'go')]), 'close');
  const { code, stderr } = await ended;
  expect(code).toBe(125);
  expect(stderr).toContain(`'out.log' by sh (pid ${writer.pid})`);
  writer.stdin?.end('echo late >&3\n');
  await once(writer, 'close');
  expect((await cli.run('recover')).code).toBe(0);
  expect((await cli.run('cat', 't', 'out.log')).stdout).toBe('early\nlate\n');
});

it('refuses by its path whoever comes when the task has ended', async () => {
  const cli = newCli();
  await cli.run('init');
  const ended = startTask(cli);
  const staging = join(cli.store, 'staging/t');
  await until('it runs', () => existsSync(join(staging, 'up')));
  // It adds lines by name until that is refused, and prints how many were not.
  const script = 'i=0; while echo x 2>&- >> "$0"; do i=$((i + 1)); done 2>&-; echo $i';
  const writer = spawn('bash', ['-c', script, join(staging, 'lines')]);
  onTestFinished(() => void writer.kill('SIGKILL'));
  const written = once(writer.stdout, 'data');
  await until('it writes', () => existsSync(join(staging, 'lines')));
  await once(spawn('touch', [join(staging, 'go')]), 'close');
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
  const lines = (await cli.run('cat', 't', 'lines')).stdout.length / 2;
  expect(lines).toBe(Number(String(await written)));
});

it('refuses a time that is none', async () => {
  const cli = newCli();
  expect((await cli.run('run', '--drain', 'soon', '--', 'true')).code).toBe(2);
  expect((await cli.run('run', '--drain', '0', '--', 'true')).code).toBe(0);
});
