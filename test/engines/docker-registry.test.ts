import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { withTag } from '../../src/runner/engines/container/image-name.ts';
import { createDockerEngine } from '../../src/runner/engines/docker/index.ts';
import { cancel, waitFor } from '../../src/runner/index.ts';
import { main, newCli } from '../support/cli.ts';
import { describeWithEngine } from '../support/engine.ts';
import { newLaunch, startRun } from '../support/engine-run.ts';
import { type Registry, startRegistry } from '../support/registry.ts';
import { newStore, shell, startTask } from '../support/runner.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import type { TestEngine } from '../support/test-engine.ts';
import { inTerminal } from '../support/tmux.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);
const engine = createDockerEngine();

describeWithEngine('an image of a registry', (shared) => {
  /** A registry; what was pulled from it is removed when the test ends. */
  const newRegistry = async (of: TestEngine = shared): Promise<Registry> => {
    const registry = await startRegistry(of);
    onTestFinished(async () => {
      const format = '{{.Repository}}:{{.Tag}}';
      const { stdout } = await execute('docker', ['images', '--format', format]);
      const pulled = stdout.split('\n').filter((name) => name.startsWith('127.0.0.1:'));
      for (const name of pulled) await execute('docker', ['rmi', name]);
    });
    return registry;
  };
  const launchOf = (image: string, options = {}) => newLaunch(['echo', 'hi'], { image, options });

  /** Points `docker login` data at a directory of the test's own. */
  const logIn = (registry: string, login: string): void => {
    const config = temporaryDirectory();
    const auths = { [registry]: { auth: Buffer.from(login).toString('base64') } };
    writeFileSync(join(config, 'config.json'), JSON.stringify({ auths }));
    const before = process.env.DOCKER_CONFIG;
    process.env.DOCKER_CONFIG = config;
    onTestFinished(() => {
      if (before === undefined) delete process.env.DOCKER_CONFIG;
      else process.env.DOCKER_CONFIG = before;
    });
  };

  it('is fetched where it is missing, and tells how far that is', async () => {
    const { open } = await newRegistry();
    const { running, output } = await startRun(engine, launchOf(`${open}/good`));
    expect(await running.ended).toMatchObject({ exitCode: 0 });
    const loaded = output.steps.filter(({ what, done }) => what === 'Downloading' && done !== null);
    expect(loaded.length).toBeGreaterThan(0);
    for (const { id, total } of loaded) {
      expect(id).not.toBe('');
      expect(total).toBeGreaterThan(0);
    }
  });

  it('is asked for with a tag', () => {
    const names = {
      node: 'node:latest',
      'node:24': 'node:24',
      'host:5000/a/b': 'host:5000/a/b:latest',
    };
    for (const [name, tagged] of Object.entries(names)) expect(withTag(name)).toBe(tagged);
    for (const name of ['host:5000/a:1', `a@sha256:${'0'.repeat(64)}`])
      expect(withTag(name)).toBe(name);
  });

  it('is fetched again with --pull always, and not where it is there', async () => {
    const { open } = await newRegistry();
    const fetched = async (pull: string): Promise<boolean> => {
      const { running, output, state } = await startRun(engine, launchOf(`${open}/good`, { pull }));
      await running.ended;
      await engine.remove(state());
      return output.steps.length > 0;
    };
    await expect(fetched('never')).rejects.toThrow('--pull never forbids to fetch it');
    expect(await fetched('missing')).toBe(true);
    expect(await fetched('missing')).toBe(false);
    expect(await fetched('never')).toBe(false);
    expect(await fetched('always')).toBe(true);
  });

  it('that is not there, and a registry that is not there, are told in words', async () => {
    const { open } = await newRegistry();
    await expect(startRun(engine, launchOf(`${open}/none`))).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining(`image ${open}/none cannot be fetched: `),
    });
    await expect(startRun(engine, launchOf('127.0.0.1:1/none'))).rejects.toMatchObject({
      message: expect.stringMatching(/cannot be fetched: .*connection refused/),
      hint: expect.stringContaining('docker login'),
    });
  });

  it('that is private is fetched with what docker login left', async () => {
    const { private: closed } = await newRegistry();
    await expect(startRun(engine, launchOf(`${closed}/good`))).rejects.toThrow(/no basic auth/);
    logIn(closed, 'user:wrong');
    await expect(startRun(engine, launchOf(`${closed}/good`))).rejects.toThrow(/unauthorized/i);
    logIn(closed, 'user:secret');
    const { running } = await startRun(engine, launchOf(`${closed}/good`));
    expect(await running.ended).toMatchObject({ exitCode: 0 });
  });

  it('is not fetched any more once its task is cancelled', async () => {
    const { open, slow } = await newRegistry();
    const store = await newStore();
    const spec = shell('true', { engine: 'docker', image: `${open}/slow`, cwd: null, retries: 1 });
    const task = await startTask(store, 'slow', spec);
    await until('it is fetched', () => slow.includes('asked'));
    await cancel(store, task);
    expect(await waitFor(store, task)).toMatchObject({
      status: 'cancelled',
      reason: 'cancelled, before its command ran',
      artifacts: 'sealed',
    });
    await until('the engine gave up', () => slow.includes('left'));
  });

  it('is not fetched any more once the time of its task is over', async () => {
    const { open, slow } = await newRegistry();
    const store = await newStore();
    const image = `${open}/slow`;
    const spec = shell('true', { engine: 'docker', image, cwd: null, timeoutMs: 1000 });
    const task = await startTask(store, 'slow', spec);
    expect(await waitFor(store, task)).toMatchObject({
      status: 'failed',
      reasonKind: 'timeout',
      reason: 'timed out after 1 s, before its command ran',
      artifacts: 'sealed',
    });
    await until('the engine gave up', () => slow.includes('left'));
  });

  it('is fetched under a bar in a terminal, and Ctrl-C ends that', async () => {
    const { open, slow } = await newRegistry();
    const cli = newCli();
    const variables = [`TASKFS_STORE=${cli.store}`, `DOCKER_HOST=${shared.host}`];
    const run = ['run', '-it', '--name', 'slow', '--image', `${open}/slow`, '--', 'sh'];
    const terminal = await inTerminal(['env', ...variables, process.execPath, main, ...run]);
    await until('a bar', async () => /^Downloading \[#+-+\]/m.test(await terminal.screen()));
    await terminal.press('C-c');
    await until('its end', async () => (await terminal.screen()).includes('Sealed in'));
    await terminal.press('echo "ended with $?"', 'Enter');
    await until('its exit code', async () => (await terminal.screen()).includes('ended with 130'));
    await until('the engine gave up', () => slow.includes('left'));
  });
});
