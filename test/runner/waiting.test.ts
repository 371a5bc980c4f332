import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { listProcesses } from '../../src/runner/engines/process/processes.ts';
import { openStore, parseTaskName } from '../../src/store/index.ts';
import { type Cli, finished, newCli } from '../support/cli.ts';
import { killSupervisor } from '../support/ending.ts';
import { recordOf } from '../support/runner.ts';
import { until } from '../support/until.ts';

const statusOf = (cli: Cli, name: string): string => recordOf(openStore(cli.store), name).status;

/** Fills the slots of a fresh store: the task `blocker` holds the only one until `go` is there. */
async function busyStore(): Promise<Cli> {
  const cli = newCli();
  await runs(cli, 'blocker', 1);
  return cli;
}

/** Starts a task in the background that goes on until the test makes the file `go`. */
async function runs(cli: Cli, name: string, slots: number): Promise<void> {
  await background(cli, name, slots, 'until [ -e "$0/go" ]; do sleep 0.1; done');
  await until('it runs', () => statusOf(cli, name) === 'running');
}

async function background(cli: Cli, name: string, slots: number, script: string): Promise<void> {
  const options = ['-d', '--name', name, '--max-running', String(slots)];
  const { code, stderr } = await cli.run('run', ...options, '--', 'sh', '-c', script, cli.base);
  if (code !== 0) throw new Error(stderr);
}

const openGate = (cli: Cli): void => writeFileSync(join(cli.base, 'go'), '');

/** All processes that a queued task has. */
function processesOf(cli: Cli, name: string): number[] {
  const { supervisorPid } = recordOf(openStore(cli.store), name);
  return listProcesses()
    .filter(({ session }) => session === supervisorPid)
    .map(({ pid }) => pid);
}

const proportionalKiB = (pid: number): number =>
  Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);

/** Time on a processor, in clock ticks. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

describe('tasks in the queue', () => {
  it('take little memory and no processor time, and run in their order', async () => {
    const cli = await busyStore();
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const ran = join(cli.base, 'ran');
    for (const name of names) await background(cli, name, 1, `echo ${name} >> "$0/ran"`);
    const pids = names.map((name) => processesOf(cli, name));
    for (const own of pids) {
      expect(own.length).toBeGreaterThan(0);
      expect(own.reduce((sum, pid) => sum + proportionalKiB(pid), 0)).toBeLessThan(5 * 1024);
    }
    const spent = (): number[] => pids.flat().map(ticks);
    const before = spent();
    await sleep(2500);
    expect(spent()).toEqual(before);
    openGate(cli);
    expect((await cli.run('wait', ...names)).code).toBe(0);
    expect(readFileSync(ran, 'utf8').trim().split('\n')).toEqual(names);
  }, 60_000);

  it('start though what frees their slot is killed, with one slot', async () => {
    const cli = await busyStore();
    for (const name of ['a', 'b']) await background(cli, name, 1, 'true');
    killSupervisor(openStore(cli.store), parseTaskName('blocker'));
    for (const name of ['a', 'b']) {
      await until('it ran', () => statusOf(cli, name) === 'completed');
    }
    openGate(cli);
  });

  it('start though what frees their slot is killed, several one after the other', async () => {
    const cli = newCli();
    const store = openStore.bind(undefined, cli.store);
    await runs(cli, 'one', 2);
    await runs(cli, 'two', 2);
    for (const name of ['a', 'b']) {
      await background(cli, name, 2, 'until [ -e "$0/go" ]; do sleep 0.1; done');
    }
    killSupervisor(store(), parseTaskName('one'));
    await until('the next one runs', () => statusOf(cli, 'a') === 'running');
    await until('who is first now waits for all that run', () => {
      return processesOf(cli, 'b').length === 3;
    });
    killSupervisor(store(), parseTaskName('two'));
    await until('and the next one', () => statusOf(cli, 'b') === 'running');
    openGate(cli);
  });

  it('start in the foreground too', async () => {
    const cli = await busyStore();
    const waiting = cli.start('run', '--max-running', '1', '--name', 'a', '--', 'true');
    const ran = finished(waiting);
    waiting.stdin.end();
    await until('it waits', () => existsSync(join(cli.store, 'tasks/a')));
    killSupervisor(openStore(cli.store), parseTaskName('blocker'));
    expect((await ran).code).toBe(0);
    openGate(cli);
  });

  it('get their values, which nobody sees before', async () => {
    const cli = await busyStore();
    const value = `value-${Math.random()}-\n'"$x`;
    const args = ['-d', '--name', 'a', '--max-running', '1', '-e', 'API', '--'];
    await cli.script(`"$T" run ${args.join(' ')} sh -c 'printf %s "$API" > "$0/api"' "$PWD"`, {
      API: value,
    });
    expect(statusOf(cli, 'a')).toBe('queued');
    for (const pid of processesOf(cli, 'a')) {
      expect(readFileSync(`/proc/${pid}/cmdline`, 'latin1')).not.toContain('value-');
    }
    for (const path of readdirSync(cli.store, { recursive: true, encoding: 'utf8' })) {
      const file = join(cli.store, path);
      if (statSync(file).isFile()) expect(readFileSync(file, 'latin1')).not.toContain('value-');
    }
    openGate(cli);
    expect((await cli.run('wait', 'a')).code).toBe(0);
    expect(readFileSync(join(cli.base, 'api'), 'utf8')).toBe(value);
  });

  it.each(['SIGTERM', 'SIGQUIT'] as const)(
    'are cancelled by %s to their process',
    async (signal) => {
      const cli = await busyStore();
      await background(cli, 'a', 1, 'echo ran > "$0/ran"');
      process.kill(recordOf(openStore(cli.store), 'a').supervisorPid ?? 0, signal);
      expect((await cli.run('wait', 'a')).code).toBe(130);
      expect(existsSync(join(cli.base, 'ran'))).toBe(false);
      openGate(cli);
    },
  );

  it('are cancelled at once, and the next one moves up', async () => {
    const cli = await busyStore();
    for (const name of ['a', 'b', 'c']) await background(cli, name, 1, 'true');
    expect((await cli.run('cancel', 'a', 'b')).code).toBe(0);
    expect([statusOf(cli, 'a'), statusOf(cli, 'b')]).toEqual(['cancelled', 'cancelled']);
    expect(statusOf(cli, 'c')).toBe('queued');
    openGate(cli);
    expect((await cli.run('wait', 'c')).code).toBe(0);
  });

  it('are queued again after a restart, or say why not', async () => {
    const cli = await busyStore();
    await background(cli, 'a', 1, 'true');
    const withValue = ['-d', '--name', 'b', '--max-running', '1', '-e', 'API=x', '--', 'true'];
    expect((await cli.run('run', ...withValue)).code).toBe(0);
    const store = openStore(cli.store);
    for (const name of ['a', 'b']) killSupervisor(store, parseTaskName(name));
    await until(
      'nobody is there for them',
      async () => (await cli.run('ps')).stdout.match(/queued, interrupted/g)?.length === 2,
    );
    expect(await cli.json('recover', '--json')).toMatchObject([
      { task: 'a', outcome: 'queued' },
      { task: 'b', outcome: 'sealed' },
    ]);
    expect(statusOf(cli, 'a')).toBe('queued');
    expect(recordOf(store, 'b')).toMatchObject({
      reasonKind: 'interrupted',
      reason: expect.stringContaining('the values given with -e (API)'),
    });
    openGate(cli);
    expect(await cli.json('wait', 'a', '--json')).toMatchObject([{ status: 'completed' }]);
    expect((await cli.run('events', 'a')).stdout).toContain('requeued');
  });
});

it('a run in the foreground ends by SIGQUIT as by other signals', async () => {
  const cli = newCli();
  const script = 'echo > "$TASKFS_ARTIFACTS/f"; exec sleep 3600';
  const child = cli.start('run', '--name', 'a', '--', 'sh', '-c', script);
  const ran = finished(child);
  await until('it runs', () => existsSync(join(cli.store, 'staging/a/f')));
  child.kill('SIGQUIT');
  expect((await ran).code).toBe(130);
  expect(recordOf(openStore(cli.store), 'a')).toMatchObject({
    status: 'cancelled',
    artifacts: 'sealed',
  });
});
