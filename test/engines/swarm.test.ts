import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { createSwarmEngine } from '../../src/runner/engines/swarm/swarm-engine.ts';
import { cancel, recover, waitFor } from '../../src/runner/index.ts';
import { isLocked, type TaskSpec, taskPaths } from '../../src/store/index.ts';
import { newCli } from '../support/cli.ts';
import { killSupervisor } from '../support/ending.ts';
import { describeWithEngine } from '../support/engine.ts';
import { newLaunch, startRun } from '../support/engine-run.ts';
import { leaveForeignFiles } from '../support/foreign-files.ts';
import { hasStopped, startPrivateEngine, useEngine } from '../support/private-engine.ts';
import { newStore, shell, startTask } from '../support/runner.ts';
import { readSealedLog } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import { describeEngine } from './conformance.ts';

const execute = promisify(execFile);

const initSwarm = async (host: string): Promise<void> => {
  const addresses = ['--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1:2377'];
  await execute('docker', ['--host', host, 'swarm', 'init', ...addresses]);
};

describeWithEngine('the swarm engine', ({ image, host }) => {
  // A swarm of one node, which goes with the private engine.
  beforeAll(async () => {
    const { stdout } = await execute('docker', ['info', '-f', '{{.Swarm.LocalNodeState}}']);
    if (stdout.trim() === 'active') return;
    await initSwarm(host);
  });

  describeEngine({
    engine: createSwarmEngine(),
    launch: { image },
    takesInput: false,
    canPause: true,
  });

  const job = (script: string): TaskSpec =>
    shell(script, { engine: 'swarm', image, cwd: null, options: { graceMs: 1000 } });
  const services = async (): Promise<string> =>
    (await execute('docker', ['service', 'ls', '-q', '--filter', 'label=taskfs.task=job'])).stdout;

  it('follows a job again when its supervisor was killed: no line lost or doubled', async () => {
    const store = await newStore();
    const count = 'i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); sleep 0.02; done; exit 7';
    const task = await startTask(store, 'job', job(count));
    const { log, lock } = taskPaths(store, task);
    await until('it printed', () => readFileSync(log, 'utf8').split('\n').length > 20);
    expect(killSupervisor(store, task)).toBe(true);
    await until('its lock is free', () => !isLocked(lock));
    await recover(store, { scope: 'unfinished' });
    expect(await waitFor(store, task)).toMatchObject({ exitCode: 7, artifacts: 'sealed' });
    const printed = Array.from({ length: 200 }, (_, i) => `${i}\n`).join('');
    expect(await readSealedLog(store, task)).toBe(printed);
    expect(await services()).toBe('');
  });

  it("gives a plain user the files that a job's other users left", async () => {
    expect(await leaveForeignFiles('swarm', image)).toEqual([65534, 65534, 65534]);
  });

  it('refuses what a swarm has not, in words', async () => {
    const task = `refused-${process.pid}`;
    const start = (options: Record<string, unknown>) =>
      startRun(createSwarmEngine(), newLaunch(['true'], { task, image, options }));
    await expect(start({ tty: true })).rejects.toThrow('a swarm cannot run -i and -t');
    await expect(start({ network: 'none' })).rejects.toThrow('cannot run --network none');
    await expect(start({ network: 'nowhere' })).rejects.toThrow("no network 'nowhere'");
    await expect(start({ memoryBytes: 4096 })).rejects.toThrow('memory limit is too small');
    const volumes = [{ source: '/no/such/source', target: '/x', readOnly: false }];
    await expect(start({ volumes })).rejects.toThrow('does not see /no/such/source');
    const filter = ['--filter', `label=taskfs.task=${task}`];
    expect((await execute('docker', ['service', 'ls', '-q', ...filter])).stdout).toBe('');
  });

  it('gives a job further commands and measures it on its node, else names that', async () => {
    let isElsewhere = false;
    const engine = new URL(host).pathname;
    // A node that has no container of the service: its engine finds none by this label.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const there = connect({ path: engine, allowHalfOpen: true });
      const sides = [socket, there] as const;
      for (const side of sides) {
        side.on('error', () => sides.map((each) => each.destroy()));
      }
      there.pipe(socket);
      socket.on('data', (asked) => {
        const text = asked.toString('latin1').replace('service.name', 'service.none');
        there.write(isElsewhere ? Buffer.from(text, 'latin1') : asked);
      });
      socket.on('end', () => there.end());
    });
    const path = join(temporaryDirectory(), 'engine.sock');
    await once(server.listen(path), 'listening');
    onTestFinished(() => void server.close());
    const cli = newCli({ env: { DOCKER_HOST: `unix://${path}` } });
    const run = ['run', '-d', '--engine', 'swarm', '--image', image, '-e', 'K=v', '--name', 'far'];
    await cli.run(...run, '--', 'sh', '-c', 'echo ready; exec sleep 1000');
    await until('it runs', async () => (await cli.run('logs', 'far')).stdout === 'ready\n');
    const exec = ['exec', 'far', '--', 'sh', '-c', 'echo "$K $TASKFS_TASK"; exit 7'];
    expect(await cli.run(...exec)).toMatchObject({ code: 7, stdout: 'v far\n' });
    const stats = ['stats', '--no-stream', '--json', 'far'];
    expect(await cli.json(...stats)).toMatchObject([
      { task: 'far', memoryBytes: expect.any(Number) },
    ]);
    isElsewhere = true;
    const { stdout } = await execute('docker', ['info', '-f', '{{.Name}}']);
    for (const words of [exec, stats]) {
      expect(await cli.run(...words)).toMatchObject({
        code: words === exec ? 125 : 1,
        stderr: expect.stringContaining(`task far runs on node ${stdout.trim()} of the swarm`),
      });
    }
    isElsewhere = false;
    await cli.run('rm', '-f', 'far');
  }, 60_000);

  it('cancels a job, and leaves no service', async () => {
    const store = await newStore();
    const task = await startTask(
      store,
      'job',
      job('trap "" TERM; echo here; while :; do sleep 1; done'),
    );
    await until('it runs', () => readFileSync(taskPaths(store, task).log, 'utf8') !== '');
    await cancel(store, task);
    const ended = await waitFor(store, task);
    expect(ended).toMatchObject({ status: 'cancelled', signal: 'SIGKILL', artifacts: 'sealed' });
    expect(await services()).toBe('');
  });

  it('does not call a job completed whose engine was stopped under it', async () => {
    const engine = await startPrivateEngine('');
    useEngine(engine);
    await initSwarm(engine.host);
    const store = await newStore();
    const count = 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done';
    const task = await startTask(store, 'job', { ...job(count), image: engine.image });
    const { log } = taskPaths(store, task);
    await until('it printed', () => readFileSync(log, 'utf8').split('\n').length > 10);
    engine.tell('stop');
    await until('the engine has stopped', () => hasStopped(engine));
    engine.tell('start');
    expect(await waitFor(store, task)).toMatchObject({
      status: 'failed',
      reasonKind: 'engine-lost',
      exitCode: null,
      artifacts: 'sealed',
    });
    const lines = (await readSealedLog(store, task)).trim().split('\n');
    expect(lines).toEqual(lines.map((_, index) => String(index)));
  });
});
