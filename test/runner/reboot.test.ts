import { execFile } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { cancel, pause, resume, waitFor } from '../../src/runner/index.ts';
import { isLocked, openStore, readEvents, taskPaths } from '../../src/store/index.ts';
import { newCli } from '../support/cli.ts';
import { killAll } from '../support/ending.ts';
import { describeWithEngine } from '../support/engine.ts';
import { expectFinished } from '../support/killing.ts';
import { hasStopped, startPrivateEngine, useEngine } from '../support/private-engine.ts';
import { newStore, recordOf, shell, startTask } from '../support/runner.ts';
import { readSealedLog } from '../support/sealable.ts';
import type { TestEngine } from '../support/test-engine.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);

const containersOf = async ({ host }: TestEngine): Promise<string> =>
  (await execute('docker', ['--host', host, 'ps', '-aq'])).stdout;

describeWithEngine('a machine', () => {
  it('that is started again finds each task, ends and seals it once, leaves nothing', async () => {
    const engine = await startPrivateEngine('');
    const cli = newCli({ env: { DOCKER_HOST: engine.host } });
    const mountpoint = join(cli.base, 'mount');
    await mkdir(mountpoint);
    const { pid } = await cli.json<{ pid: number }>('mount', mountpoint, '--json');
    const store = openStore(cli.store);
    const run = (name: string, ...args: string[]) =>
      cli.json('run', '-d', '--json', '--name', name, ...args);
    const write = 'echo x > "$TASKFS_ARTIFACTS/x"; exec sleep 3600';
    await run('container', '--image', engine.image, '--', 'sh', '-c', write);
    await run('process', '--', 'sh', '-c', write);
    await run('queued', '--max-running', '1', '--', 'true');
    await run(
      'sealing',
      '--',
      'sh',
      '-c',
      'head -c 80000000 /dev/urandom > "$TASKFS_ARTIFACTS/big"',
    );
    for (const name of ['container', 'process']) {
      await until(`${name} wrote`, () => existsSync(join(store.staging, name, 'x')));
    }
    await until('one is sealed', () => recordOf(store, 'sealing').artifacts === 'sealing');

    process.kill(pid, 'SIGKILL');
    killAll(store);
    engine.tell('kill');
    const found = ['container', 'process', 'queued', 'sealing'].map((name) =>
      recordOf(store, name),
    );
    expect(found.map(({ status, artifacts }) => `${status}/${artifacts}`)).toEqual([
      'running/live',
      'running/live',
      'queued/live',
      'completed/sealing',
    ]);
    engine.tell('start');

    await cli.json('recover', '--json');
    await cli.run('wait', ...found.map(({ task }) => task));
    for (const { task } of found) {
      await until('its supervisor is gone', () => !isLocked(taskPaths(store, task).lock));
      expectFinished(store, task);
    }
    expect(recordOf(store, 'container')).toMatchObject({ status: 'failed' });
    expect(recordOf(store, 'process')).toMatchObject({ reasonKind: 'interrupted' });
    expect(recordOf(store, 'queued')).toMatchObject({ status: 'completed', exitCode: 0 });
    expect(recordOf(store, 'sealing')).toMatchObject({ status: 'completed', exitCode: 0 });
    expect(readdirSync(store.staging)).toEqual([]);
    expect(await containersOf(engine)).toBe('');
    // The dead mount is taken away by the new one.
    await cli.json('mount', mountpoint, '--json');
    const { stdout } = await execute('ls', [join(mountpoint, 'live'), join(mountpoint, 'archive')]);
    expect(
      stdout.split('\n').filter((line) => found.some(({ task }) => task === line)),
    ).toHaveLength(4);
    expect((await execute('cat', [join(mountpoint, 'archive/container/x')])).stdout).toBe('x\n');
  }, 120_000);
});

describeWithEngine('a task whose engine is stopped and started', () => {
  it('is not paused meanwhile, is reported so, and keeps each line and its exit code', async () => {
    const engine = await startPrivateEngine('--live-restore');
    useEngine(engine);
    const store = await newStore();
    const script =
      'i=0; while [ ! -e /artifacts/end ]; do echo $i; i=$((i+1)); sleep 0.02; done; exit 4';
    const task = await startTask(
      store,
      'one',
      shell(script, { engine: 'docker', image: engine.image, cwd: null }),
    );
    await until('it prints', () => statSync(taskPaths(store, task).log).size > 0);
    engine.tell('stop');
    await until('the engine has stopped', () => hasStopped(engine));
    await expect(pause(store, task)).rejects.toThrow(/task one could not be paused: /);
    expect(recordOf(store, 'one')).toMatchObject({ status: 'running', paused: false });
    engine.tell('start');
    await until('it is paused', () =>
      pause(store, task).then(
        () => true,
        () => false,
      ),
    );
    await resume(store, task);
    await execute('touch', [join(taskPaths(store, task).staging, 'end')]);
    expect(await waitFor(store, task)).toMatchObject({ exitCode: 4, artifacts: 'sealed' });
    const lines = (await readSealedLog(store, task)).trim().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    expect(lines).toEqual(lines.map((_, index) => String(index)));
    expect(await containersOf(engine)).toBe('');
  }, 120_000);

  it('is cancelled when the engine is back', async () => {
    const engine = await startPrivateEngine('--live-restore');
    useEngine(engine);
    const store = await newStore();
    const loop = { engine: 'docker', image: engine.image, cwd: null };
    const task = await startTask(store, 'one', shell('echo here; exec sleep 3600', loop));
    await until('it runs', () => statSync(taskPaths(store, task).log).size > 0);
    engine.tell('stop');
    await until('the engine has stopped', () => hasStopped(engine));
    await cancel(store, task);
    const { events } = taskPaths(store, task);
    const isKilled = (): boolean => readEvents(events).some(({ signal }) => signal === 'SIGKILL');
    await until('its grace period is over', isKilled);
    engine.tell('start');
    expect(await waitFor(store, task)).toMatchObject({
      status: 'cancelled',
      signal: 'SIGKILL',
      artifacts: 'sealed',
    });
    expect(await containersOf(engine)).toBe('');
  }, 120_000);
});
