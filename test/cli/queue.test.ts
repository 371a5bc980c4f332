import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStore, type TaskRecord } from '../../src/store/index.ts';
import { type Cli, newCli } from '../support/cli.ts';
import { killAll, killSupervisor } from '../support/ending.ts';
import { recordOf } from '../support/runner.ts';
import { until } from '../support/until.ts';

/** Waits for a file of the user's before it ends, and says that it runs. */
const GATED = 'echo "$TASKFS_TASK" >> ran; until [ -e gate ]; do sleep 0.05; done';
const NOTED = 'echo "$TASKFS_TASK" >> ran';

/** Starts a task in the background with options of `run`. */
async function start(cli: Cli, name: string, script: string, ...options: string[]): Promise<void> {
  const ran = await cli.run('run', '-d', '--name', name, ...options, '--', 'sh', '-c', script);
  expect(ran).toMatchObject({ code: 0, stdout: `${name}\n` });
}

const ran = (cli: Cli): string[] => {
  const path = join(cli.base, 'ran');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};

const untilRan = (cli: Cli, task: string): Promise<boolean> =>
  until(`${task} runs`, () => ran(cli).includes(task), 60_000);

/** Which is only read: no verb is called that would recover what was killed. */
async function untilRecord(
  cli: Cli,
  task: string,
  isWanted: (record: TaskRecord) => boolean,
): Promise<TaskRecord> {
  const store = openStore(cli.store);
  await until(`${task} is so`, () => isWanted(recordOf(store, task)), 60_000);
  return recordOf(store, task);
}

describe('the order of tasks', () => {
  it('keeps to groups, priorities and what a task is to run after', async () => {
    const cli = newCli();
    await cli.run('group', 'set', 'gpu', '1');
    await start(cli, 'first', GATED, '--group', 'gpu');
    await untilRan(cli, 'first');
    await start(cli, 'low', NOTED, '--group', 'gpu', '--priority', '-1');
    await start(cli, 'plain', NOTED, '--group', 'gpu');
    await start(cli, 'high', NOTED, '--group', 'gpu', '--priority', '7');
    await start(cli, 'joined', NOTED, '--after', 'low', '--after', 'first');
    await start(cli, 'fails', 'exit 3', '--after', 'first', '-l', 'k=v');
    await start(cli, 'never', NOTED, '--after', 'fails');
    await start(cli, 'neither', NOTED, '--after', 'never');
    // In no line: the group's limit is not its own.
    expect(await cli.run('run', '--', 'true')).toMatchObject({ code: 0 });
    expect((await cli.run('group')).stdout).toMatch(/^gpu +1 +1 +3$/m);
    const listed = await cli.run('ps', '--columns', 'task,status,group,priority,after');
    expect(listed.stdout).toMatch(/^high +queued +gpu +7$/m);
    expect(listed.stdout).toMatch(/^joined +queued, after low, first +0 +low,first$/m);
    expect(ran(cli)).toEqual(['first']);
    expect(await cli.run('group', 'rm', 'gpu')).toMatchObject({ code: 2 });

    writeFileSync(join(cli.base, 'gate'), '');
    const ends = await cli.run('wait', 'joined', 'neither', 'high', 'plain', 'low');
    expect(ends.stdout).toContain('joined: completed');
    expect(ran(cli)).toEqual(['first', 'high', 'plain', 'low', 'joined']);
    expect(recordOf(openStore(cli.store), 'never')).toMatchObject({
      status: 'cancelled',
      reasonKind: 'dependency',
      reason: 'not started, for it was to run after fails, which failed: exited with 3',
      startedAt: null,
      artifacts: 'sealed',
    });
    const { reason } = recordOf(openStore(cli.store), 'neither');
    expect(reason).toContain('never, which did not start either');

    const unknown = await cli.run('run', '--after', 'nobody', '--', 'true');
    expect(unknown).toMatchObject({ code: 125, stderr: expect.stringContaining('nobody') });
    const ungrouped = await cli.run('run', '--group', 'cpu', '--', 'true');
    expect(ungrouped).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('group set cpu'),
    });
    expect(await cli.run('run', '--priority', 'high', '--', 'true')).toMatchObject({ code: 2 });

    expect(await cli.run('rerun', 'high', '--name', 'again')).toMatchObject({ code: 0 });
    const again = recordOf(openStore(cli.store), 'again');
    expect(again).toMatchObject({ group: 'gpu', priority: 7 });
    expect(await cli.run('rerun', '--after', 'joined', 'never')).toMatchObject({ code: 0 });
    expect(await cli.run('rerun', '--no-after', 'never')).toMatchObject({ code: 0 });
    expect(await cli.run('group', 'rm', 'gpu')).toMatchObject({ code: 0 });
  }, 120_000);

  it('survives the end of everything, and starts more where a limit is raised', async () => {
    const cli = newCli();
    await cli.run('group', 'set', 'g', '1');
    await start(cli, 'first', GATED, '--group', 'g');
    await untilRan(cli, 'first');
    await start(cli, 'second', GATED, '--group', 'g');
    await start(cli, 'third', NOTED, '--group', 'g', '--priority', '1');
    await start(cli, 'last', NOTED, '--after', 'second', '--after', 'third');
    await start(cli, 'lost', NOTED, '--after', 'first');
    killAll(openStore(cli.store));
    expect(await cli.run('recover')).toMatchObject({ code: 0 });
    expect(
      await untilRecord(cli, 'first', ({ artifacts }) => artifacts === 'sealed'),
    ).toMatchObject({
      status: 'failed',
      reasonKind: 'interrupted',
    });
    const lost = await untilRecord(cli, 'lost', ({ artifacts }) => artifacts === 'sealed');
    expect(lost).toMatchObject({ status: 'cancelled', reasonKind: 'dependency' });
    await untilRan(cli, 'second');
    expect(ran(cli)).toEqual(['first', 'third', 'second']);
    await start(cli, 'fourth', GATED, '--group', 'g');
    expect(recordOf(openStore(cli.store), 'fourth').status).toBe('queued');
    await cli.run('group', 'set', 'g', '2');
    await untilRan(cli, 'fourth');
    appendFileSync(join(cli.base, 'gate'), '');
    expect((await cli.run('wait', 'last')).stdout).toBe('last: completed\n');
  }, 120_000);

  it('ends or continues what a killed supervisor leaves behind, without being asked', async () => {
    const cli = newCli();
    await start(cli, 'first', GATED);
    await untilRan(cli, 'first');
    await start(cli, 'held', NOTED, '--after', 'first');
    await start(cli, 'behind', NOTED, '--after', 'held');
    const store = openStore(cli.store);
    // A queued task is queued again, a running one has ended with its supervisor.
    expect(killSupervisor(store, recordOf(store, 'held').task)).toBe(true);
    expect(killSupervisor(store, recordOf(store, 'first').task)).toBe(true);
    const behind = await untilRecord(cli, 'behind', ({ artifacts }) => artifacts === 'sealed');
    expect(behind).toMatchObject({ status: 'cancelled', reasonKind: 'dependency' });
    expect(recordOf(store, 'held')).toMatchObject({ reasonKind: 'dependency' });
    expect(recordOf(store, 'first')).toMatchObject({ status: 'failed', artifacts: 'sealed' });
    expect(ran(cli)).toEqual(['first']);
  }, 120_000);
});
