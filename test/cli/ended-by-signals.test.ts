import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  openStore,
  readEvents,
  type TaskName,
  takeLock,
  taskPaths,
} from '../../src/store/index.ts';
import { type Cli, newCli } from '../support/cli.ts';
import { endedTask } from '../support/sealable.ts';
import { until } from '../support/until.ts';

/** Somebody who never closes a file of a task: sealing waits for him. */
function holdOpen(cli: Cli, task: string): void {
  const lock = takeLock(taskPaths(openStore(cli.store), task as TaskName).writers, 'shared');
  onTestFinished(() => lock?.release());
}

/** Whether a signal sent to a process has not reached it yet. */
function isPending(pid: number | undefined, signal: NodeJS.Signals): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const pending = /^ShdPnd:\s*(\w+)$/m.exec(status)?.[1];
  const bit = 1n << BigInt(constants.signals[signal] - 1);
  return (BigInt(`0x${pending}`) & bit) !== 0n;
}

it.each(['recover', 'wait'])(
  '%s of a task that takes long to seal ends by a signal',
  async (verb) => {
    const cli = newCli();
    await cli.run('init');
    endedTask(openStore(cli.store), 'slow', { drainMs: 60_000 });
    holdOpen(cli, 'slow');
    const child = cli.start(verb, ...(verb === 'wait' ? ['slow'] : []));
    await until('it supervises the task', async () => {
      const { supervisorPid } = await cli.json('status', 'slow', '--json');
      return supervisorPid === child.pid;
    });
    child.kill('SIGTERM');
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGTERM');
  },
);

it('a run whose task has ended, and takes long to seal, ends by the third', async () => {
  const cli = newCli();
  await cli.run('init');
  const child = cli.start('run', '--drain', '60s', '--name', 'r', '--', 'sleep', '60');
  const events = join(cli.store, 'tasks/r/events.jsonl');
  const happened = (type: string) => readEvents(events).some((event) => event.type === type);
  await until('it runs', () => happened('started'));
  holdOpen(cli, 'r');
  child.kill('SIGINT');
  await until('the task has ended', () => happened('ended'));
  child.kill('SIGINT');
  // Of two that wait at once, the kernel may have the later one handled first.
  await until('it took the second', () => !isPending(child.pid, 'SIGINT'));
  child.kill('SIGTERM');
  const [, signal] = await once(child, 'exit');
  expect(signal).toBe('SIGTERM');
  expect(await cli.json('status', 'r', '--json')).toMatchObject({ artifacts: 'sealing' });
});
