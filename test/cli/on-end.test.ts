import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runBounded } from '../../src/bounded-command.ts';
import { listProcesses } from '../../src/runner/engines/process/processes.ts';
import { openStore, readEvents, taskPaths } from '../../src/store/index.ts';
import { type Cli, newCli } from '../support/cli.ts';
import { killSupervisor } from '../support/ending.ts';
import { recordOf } from '../support/runner.ts';
import { until } from '../support/until.ts';

/** What became of the command of `--on-end`, by the events of its task. */
function ends(cli: Cli, name: string): object[] {
  const store = openStore(cli.store);
  const { task } = recordOf(store, name);
  return readEvents(taskPaths(store, task).events).filter(({ type }) => type.startsWith('on-end'));
}

describe('--on-end', () => {
  it('has the facts in its environment, and its failure is not that of the task', async () => {
    const cli = newCli();
    const write = 'printf "%s|" "$TASKFS_TASK" "$TASKFS_STATUS" "$TASKFS_EXIT_CODE"';
    const facts = `${write} "$TASKFS_REASON" "$TASKFS_FILES" "$PWD" > facts
      ls "$TASKFS_ARCHIVE" > files`;
    const ran = await cli.run('run', '--name', 'a', '--on-end', facts, '--', 'sh', '-c', 'exit 3');
    expect(ran).toMatchObject({ code: 3, stderr: expect.not.stringContaining('on-end') });
    const said = readFileSync(join(cli.base, 'facts'), 'utf8');
    expect(said).toBe(`a|failed|3|exited with 3|sealed|${cli.base}|`);
    expect(readFileSync(join(cli.base, 'files'), 'utf8')).toContain('seal.json');
    expect(ends(cli, 'a')).toMatchObject([{ type: 'on-end' }]);

    const bad = 'echo it broke >&2; exit 4';
    const failed = await cli.run('run', '--name', 'b', '--on-end', bad, '--', 'true');
    expect(failed).toMatchObject({ code: 0 });
    expect(failed.stderr).toContain(
      '--on-end of task b failed: its command ended with 4: it broke',
    );
    expect(ends(cli, 'b')).toMatchObject([{ type: 'on-end-failed' }]);

    const again = await cli.run('rerun', 'a', '--name', 'c');
    expect(again.code).toBe(3);
    expect(readFileSync(join(cli.base, 'facts'), 'utf8')).toMatch(/^c\|/);
    const never = ['--after', 'c', '--on-end', 'echo "$TASKFS_REASON_KIND" > never'];
    expect(await cli.run('run', ...never, '--', 'true')).toMatchObject({ code: 130 });
    expect(readFileSync(join(cli.base, 'never'), 'utf8')).toBe('dependency\n');
    expect(await cli.run('run', '--on-end', ' ', '--', 'true')).toMatchObject({ code: 2 });
  }, 60_000);

  it('is started once, whenever its supervisor is killed', async () => {
    const cli = newCli();
    const command =
      'echo "$TASKFS_STATUS" >> "$TASKFS_TASK.ends"; until [ -e gate ]; do sleep 0.05; done';
    const file = (name: string): string => join(cli.base, name);
    for (const [name, script] of [
      ['running', 'sleep 1000'],
      ['ended', 'true'],
    ] as const) {
      await cli.run('run', '-d', '--name', name, '--on-end', command, '--', 'sh', '-c', script);
    }
    const store = openStore(cli.store);
    await until('it runs', () => recordOf(store, 'running').status === 'running');
    await until('its end began', () => existsSync(file('ended.ends')));
    for (const name of ['running', 'ended']) {
      expect(killSupervisor(store, recordOf(store, name).task)).toBe(true);
    }
    writeFileSync(file('gate'), '');
    expect(await cli.run('recover')).toMatchObject({ code: 0 });
    expect(await cli.run('recover')).toMatchObject({ code: 0 });
    expect(readFileSync(file('running.ends'), 'utf8')).toBe('failed\n');
    expect(readFileSync(file('ended.ends'), 'utf8')).toBe('completed\n');
    expect(ends(cli, 'running')).toMatchObject([{ type: 'on-end' }]);
    expect(ends(cli, 'ended')).toMatchObject([
      { type: 'on-end-failed', error: 'its supervisor died before it had ended' },
    ]);
  }, 60_000);

  it('is started once by recovery where its supervisor died before the start', async () => {
    const { base, store: path } = newCli();
    const file = (name: string): string => join(base, name);
    const stuck = `#!/bin/sh\n: > ${file('stuck')}
until [ -e ${file('gate')} ]; do sleep 0.05; done\nexec /bin/rm "$@"\n`;
    mkdirSync(file('bin'));
    writeFileSync(file('bin/rm'), stuck, { mode: 0o755 });
    const PATH = `${file('bin')}:${process.env.PATH}`;
    const slow = newCli({ store: path, env: { PATH } });
    const onEnd = ['--on-end', `echo "$TASKFS_TASK" >> ${file('ends')}`];
    await slow.run('run', '-d', '--name', 'a', ...onEnd, '--', 'true');
    const store = openStore(path);
    await until('it is about to start', () => existsSync(file('stuck')));
    expect(killSupervisor(store, recordOf(store, 'a').task)).toBe(true);
    const cli = newCli({ store: path });
    expect(await cli.run('recover')).toMatchObject({ code: 0 });
    expect(readFileSync(file('ends'), 'utf8')).toBe('a\n');
    expect(ends(cli, 'a')).toMatchObject([{ type: 'on-end' }]);
    // The one that was left behind comes too late.
    const isLeft = (): boolean => listProcesses().some(({ pid }) => isRunning(pid, file('ends')));
    expect(isLeft()).toBe(true);
    writeFileSync(file('gate'), '');
    await until('it is gone', () => !isLeft());
    expect(await cli.run('recover')).toMatchObject({ code: 0 });
    expect(readFileSync(file('ends'), 'utf8')).toBe('a\n');
  }, 60_000);

  it('does not take for ever, nor what it started', async () => {
    const seconds = `1000.${process.pid}`;
    const command = `sleep ${seconds} & wait`;
    const ran = runBounded({ command, cwd: '/', env: process.env, patienceMs: 500 });
    await expect(ran).rejects.toThrow('its command took longer than 0.5 s');
    const isGone = (): boolean =>
      !listProcesses().some(({ pid }) => isRunning(pid, `sleep\0${seconds}`));
    await until('what it started is gone', isGone);
  });
});

/** A zombie that nobody has reaped yet has no arguments any more. */
function isRunning(pid: number, words: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(words);
  } catch {
    return false;
  }
}
