import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createDockerEngine } from '../../src/runner/engines/docker/index.ts';
import { listenBefore } from '../support/before-engine.ts';
import { describeWithEngine } from '../support/engine.ts';
import { collect, newLaunch, startRun } from '../support/engine-run.ts';
import { hasStopped, startPrivateEngine, useEngine } from '../support/private-engine.ts';
import type { TestEngine } from '../support/test-engine.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);
const docker = async (...args: string[]): Promise<string> =>
  (await execute('docker', args)).stdout.trim();

describeWithEngine('a container whose engine or container goes away', (shared) => {
  const start = (command: string, { image }: TestEngine = shared, patienceMs = 30_000) =>
    startRun(createDockerEngine({ patienceMs }), newLaunch(['sh', '-c', command], { image }));

  it('is lost when somebody else removes it', async () => {
    const { running, output, state } = await start('echo here; sleep 1000');
    await until('it runs', () => output.stdout === 'here\n');
    await docker('rm', '-f', String(state().container));
    expect(await running.ended).toMatchObject({ exitCode: null, kind: 'engine-lost' });
  });

  it('ends with 137 when somebody else kills it', async () => {
    const { running, output, state } = await start('echo here; sleep 1000');
    await until('it runs', () => output.stdout === 'here\n');
    await docker('kill', String(state().container));
    expect(await running.ended).toMatchObject({ signal: 'SIGKILL', kind: 'signal' });
  });

  it.for(['stop', 'kill'] as const)(
    'is followed on after a %s of an engine that lets it live',
    async (word) => {
      const engine = await startPrivateEngine('--live-restore');
      useEngine(engine);
      const lines =
        'i=0; while [ ! -e /artifacts/enough ]; do echo $i; i=$((i+1)); sleep 0.02; done; exit 4';
      const { running, output, launch } = await start(lines, engine);
      await until('it prints', () => output.stdout.split('\n').length > 10);
      engine.tell(word);
      const seen = output.stdout.length;
      engine.tell('start');
      await until('it prints again', () => output.stdout.length > seen + 100);
      appendFileSync(join(launch.staging, 'enough'), '');
      expect(await running.ended).toMatchObject({ exitCode: 4, kind: 'exit' });
      const numbers = output.stdout.trim().split('\n').map(Number);
      expect(numbers).toEqual(numbers.map((_, index) => index));
    },
  );

  it('ends with its engine where that takes containers along', async () => {
    const engine = await startPrivateEngine('');
    useEngine(engine);
    const { running, output } = await start('echo here; exec sleep 1000', engine);
    await until('it runs', () => output.stdout === 'here\n');
    engine.tell('stop');
    await until('the engine has stopped', () => hasStopped(engine));
    engine.tell('start');
    expect(await running.ended).toMatchObject({ kind: 'signal' });
    expect(output.stdout).toBe('here\n');
  });

  it('is followed where the engine goes away before it answers that it runs', async () => {
    await listenBefore(shared.host, ({ path, cutOff }) => {
      if (path.endsWith('/start')) cutOff();
    });
    const { running, output } = await start('echo here; echo there >&2; exit 5');
    expect(await running.ended).toMatchObject({ exitCode: 5, kind: 'exit' });
    expect(output).toMatchObject({ stdout: 'here\n', stderr: 'there\n' });
  });

  it('is lost when the engine does not come back in time', async () => {
    const engine = await startPrivateEngine('--live-restore');
    useEngine(engine);
    const { running, output } = await start('echo here; exec sleep 1000', engine, 500);
    await until('it runs', () => output.stdout === 'here\n');
    engine.tell('stop');
    const exit = await running.ended;
    expect(exit).toMatchObject({ exitCode: null, signal: null, kind: 'engine-lost' });
    engine.tell('start');
    await until('the engine is back', () => existsSync(join(engine.directory, 'docker.pid')));
  });

  it('is found again with nothing lost or doubled, at any point of its output', async () => {
    const engine = createDockerEngine();
    const script =
      'i=0; while [ $i -lt 300 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; ' +
      'printf end; exit 6';
    const first = await start(script);
    await first.running.ended;
    const path = join(first.launch.scratch, 'streams-1');
    const ledger = readFileSync(path);
    const { order, stdout, stderr } = first.output;
    for (const logged of [0, 1, 100, 777, 2500, order.length - 1, order.length]) {
      writeFileSync(path, ledger);
      const output = collect();
      const running = await engine.attach(first.state(), logged, output);
      expect(await running?.ended).toMatchObject({ exitCode: 6 });
      const inLog = order.subarray(0, logged);
      expect(output.stdout).toBe(stdout.slice(inLog.filter((one) => one === 1).length));
      expect(output.stderr).toBe(stderr.slice(inLog.filter((one) => one === 2).length));
    }
  });

  it('is found again to the byte where the engine lost line feeds of long lines', async () => {
    const engine = createDockerEngine();
    const line = (letter: string, bytes: number): string =>
      `head -c ${bytes} /dev/zero | tr '\\0' ${letter}; echo`;
    const long = [
      line('a', 16_384),
      'echo b',
      line('c', 32_768),
      'echo',
      line('d', 16_383),
      'echo e',
    ];
    const first = await start(`${long.join('; ')}; exit 6`);
    await first.running.ended;
    const path = join(first.launch.scratch, 'streams-1');
    const [ledger, feeds] = [path, `${path}.feeds`].map((file) => readFileSync(file));
    const { stdout } = first.output;
    const withoutFeeds = (text: string): string => text.replaceAll('\n', '');
    for (const logged of [
      0,
      16_384,
      16_385,
      16_386,
      30_000,
      49_155,
      49_156,
      49_157,
      stdout.length,
    ]) {
      writeFileSync(path, ledger ?? '');
      writeFileSync(`${path}.feeds`, feeds ?? '');
      const output = collect();
      const running = await engine.attach(first.state(), logged, output);
      expect(await running?.ended).toMatchObject({ exitCode: 6 });
      expect(withoutFeeds(output.stdout)).toBe(withoutFeeds(stdout.slice(logged)));
    }
  });
});
