/** Stores that a backup, a hand or a crash has left incomplete: told in words, and nothing lost. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Cli, finished, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

async function sealedTask(): Promise<Cli> {
  const cli = newCli();
  await cli.run('run', '--name', 'a', '--', 'sh', '-c', 'echo hi > "$TASKFS_ARTIFACTS/f"');
  return cli;
}

test('parts that are missing, or something else, are named', async () => {
  const cli = await sealedTask();

  const at = (...names: string[]) => join(cli.store, ...names);
  const refuses = async (code: number, says: string, ...args: string[]) => {
    const refused = await cli.run(...args);
    expect(refused.stderr).toContain(says);
    expect(refused.stderr).not.toContain('--debug');
    expect(refused.code).toBe(code);
  };
  // Lines that are no events are none.
  appendFileSync(at('tasks/a/events.jsonl'), 'null\n7\n{"at":"x"}\n{"type":"cut');
  expect((await cli.run('events', 'a')).stdout).toMatch(/a sealed .*\n$/);

  const recipients = readFileSync(at('keys/recipients.txt'), 'utf8');
  const identity = readFileSync(at('keys/identity.txt'), 'utf8');
  writeFileSync(at('keys/recipients.txt'), `${recipients}age1nonsense\n`);
  await refuses(1, "'age1nonsense' is not a recipient", 'rename', 'a', 'b');
  await refuses(2, "'age1nonsense' is not an age recipient", 'key', 'rotate');
  expect(readFileSync(at('keys/identity.txt'), 'utf8')).toBe(identity);
  expect((await cli.run('key', 'remove', 'age1nonsense')).code).toBe(0);
  expect((await cli.run('cat', 'a', 'f')).stdout).toBe('hi\n');

  renameSync(at('keys'), join(cli.base, 'keys'));
  await refuses(125, 'are gone', 'run', '--', 'true');
  await refuses(1, 'are gone', 'key', 'rotate');
  // Whoever asks for new ones gets them.
  expect((await cli.run('init')).code).toBe(0);
  rmSync(at('keys'), { recursive: true });
  renameSync(join(cli.base, 'keys'), at('keys'));

  for (const part of ['tasks', 'archive', 'staging']) {
    renameSync(at(part), join(cli.base, part));
    writeFileSync(at(part), '');
    await refuses(5, `${at(part)} is not a directory`, 'ps', '-a');
    rmSync(at(part));
    renameSync(join(cli.base, part), at(part));
  }
  expect((await cli.run('verify', '--deep')).code).toBe(0);
});

// Only root can mount.
test.runIf(process.geteuid?.() === 0)(
  'a task that has ended needs no lock to be waited for',
  async () => {
    const cli = await sealedTask();
    execFileSync('mount', ['--bind', cli.store, cli.store]);
    onTestFinished(() => void execFileSync('umount', ['-l', cli.store]));
    execFileSync('mount', ['-o', 'remount,bind,ro', cli.store]);
    expect(await cli.run('wait', 'a')).toMatchObject({ code: 0, stderr: '' });
  },
);

test('nobody waits for the log of a task whose supervisor is gone', async () => {
  const cli = newCli();
  const script = 'echo ready; exec sleep 1000';
  await cli.run('run', '-d', '--name', 'left', '--', 'sh', '-c', script);
  await until('it runs', async () => (await cli.run('logs', 'left')).stdout === 'ready\n');
  const following = finished(cli.start('logs', '-f', 'left'));
  const { supervisorPid } = await cli.json<{ supervisorPid: number }>('status', 'left', '--json');
  process.kill(supervisorPid, 'SIGKILL');
  expect(await following).toMatchObject({
    code: 0,
    stdout: 'ready\n',
    stderr: "Nobody supervises task left any more: 'taskfs recover' finishes it.\n",
  });
  // As wait does, attach recovers it.
  expect((await cli.run('attach', 'left')).code).toBe(125);
  expect(await cli.json('status', 'left', '--json')).toMatchObject({ artifacts: 'sealed' });
});
