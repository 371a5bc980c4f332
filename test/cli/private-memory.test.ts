/**
 * Other processes of the same user, and core files, learn nothing of what servers and supervisors
 * hold.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { detach, taskfsMountAt, unmount } from '../../src/mount/index.ts';
import { main, newCli } from '../support/cli.ts';
import { asNobody } from '../support/mount.ts';
import { until } from '../support/until.ts';

const isRoot = process.geteuid?.() === 0;

/** Whether a process of the user who mounted may look into another one. */
async function mayRead(pid: number, file: string): Promise<boolean> {
  const args = ['-c', `exec 3< /proc/${pid}/${file}`];
  const [program, all] = isRoot ? asNobody('sh', args) : (['sh', args] as const);
  return promisify(execFile)(program, all).then(
    () => true,
    () => false,
  );
}

/** PIDs of the processes of this test whose command line has these words. */
async function pidsOf(words: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('pgrep', ['-f', words]);
  return stdout.trim().split('\n').map(Number);
}

test('a plain user’s server and supervisor cannot be read; what they start can', async () => {
  const cli = newCli({ user: 'plain' });
  await cli.run('init');
  const mountpoint = join(cli.base, 'mnt');
  const [mkdirProgram, mkdirArgs] = isRoot
    ? asNobody('mkdir', [mountpoint])
    : (['mkdir', [mountpoint]] as const);
  await promisify(execFile)(mkdirProgram, mkdirArgs);
  expect(await cli.run('mount', mountpoint)).toMatchObject({ code: 0 });
  onTestFinished(async () => {
    if (taskfsMountAt(mountpoint)) await unmount(mountpoint).catch(() => detach(mountpoint));
  });
  const go = join(cli.base, 'go');
  const script = 'echo $$ > $TASKFS_ARTIFACTS/pid; until [ -e "$0" ]; do sleep 0.05; done';
  await cli.run('run', '-d', '--name', 'task', '--', 'sh', '-c', script, go);
  const file = join(cli.store, 'staging/task/pid');
  await until('it runs', () => existsSync(file) && readFileSync(file, 'utf8') !== '');
  const { supervisorPid } = await cli.json<{ supervisorPid: number }>('status', 'task', '--json');
  const [server = 0] = await pidsOf(mountpoint);
  for (const pid of [server, supervisorPid]) {
    for (const secret of ['mem', 'environ', 'maps']) expect(await mayRead(pid, secret)).toBe(false);
  }
  const task = Number(readFileSync(file, 'utf8'));
  expect(await mayRead(task, 'environ')).toBe(true);
  writeFileSync(go, '');
  expect((await cli.run('wait', 'task')).code).toBe(0);
  expect((await cli.run('unmount', mountpoint)).code).toBe(0);
  // They keep their compiled code in the user's home, which is the directory of this test.
  for (const pid of [server, supervisorPid]) {
    await until(`${pid} has ended`, () => !existsSync(`/proc/${pid}`));
  }
});

/** What a shell says of a program that it runs in a directory, with cores as large as they like. */
async function saidOf(command: string, cwd: string): Promise<string> {
  const script = `ulimit -c unlimited || exit 3; ${command}; true`;
  const { stderr } = await promisify(execFile)('bash', ['-c', script], { cwd });
  return stderr;
}

test('a server that crashes leaves no core', async ({ skip }) => {
  const cli = newCli();
  const dumped = await saidOf('sh -c \'kill -SEGV "$$"\'', cli.base).catch(() => '');
  skip(!dumped.includes('core dumped'), 'no program can leave a core on this machine');
  await cli.run('init');
  const mountpoint = join(cli.base, 'mnt');
  mkdirSync(mountpoint);
  const command = `${process.execPath} ${main} mount --foreground ${mountpoint}`;
  const said = saidOf(`TASKFS_STORE=${cli.store} ${command}`, cli.base);
  await until('it is mounted', () => taskfsMountAt(mountpoint));
  const [server = 0] = await pidsOf(`^${command}`);
  process.kill(server, 'SIGSEGV');
  expect(await said).toMatch(/Segmentation fault(?!.*core dumped)/);
  await until('its guard took the mount away', () => !taskfsMountAt(mountpoint));
});
