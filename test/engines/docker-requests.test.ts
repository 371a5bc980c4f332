import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createDockerEngine } from '../../src/runner/engines/docker/index.ts';
import { listenBefore } from '../support/before-engine.ts';
import { describeWithEngine } from '../support/engine.ts';
import { newLaunch, startRun } from '../support/engine-run.ts';

describeWithEngine('what is asked of the docker engine', ({ image, host }) => {
  const listen = async (): Promise<readonly string[]> => {
    const requests: string[] = [];
    await listenBefore(
      host,
      ({ method, path }) => void requests.push(`${method} ${nameless(path)}`),
    );
    return requests;
  };

  /** Without what differs from container to container, and without settings. */
  const nameless = (path: string): string =>
    path.replace(/\?.*/, '').replace(/^\/containers\/(?!create)[^/]+/, '/containers/ID');

  const runAndRemove = async (...command: string[]): Promise<void> => {
    const engine = createDockerEngine();
    const { running, state } = await startRun(engine, newLaunch(command, { image }));
    expect(await running.ended).toMatchObject({ exitCode: 0, isOver: true });
    await engine.remove(state());
  };

  /** Whether this process sees whose the files of an image are. */
  const showsOwners = async (): Promise<boolean> => {
    const format = '{{with .GraphDriver.Data}}{{.UpperDir}}{{end}}';
    const inspect = ['image', 'inspect', '-f', format, image];
    const { stdout: layer } = await promisify(execFile)('docker', inspect);
    return existsSync(layer.trim());
  };

  const whole = [
    'GET /_ping',
    `GET /images/${image}/json`,
    'POST /containers/create',
    'POST /containers/ID/attach',
    'POST /containers/ID/start',
    'POST /containers/ID/wait',
    'GET /containers/ID/json',
    'DELETE /containers/ID',
  ];

  it('is little, and no more while a container is idle: nothing is polled', async () => {
    // Which user of this machine a container's is: by an image's files, else by one more request.
    const others = (await showsOwners()) ? [] : ['GET /info'];
    const requests = await listen();
    await runAndRemove('sleep', '3');
    expect(requests.toSorted()).toEqual([...whole, ...others].toSorted());
  });

  it('is one request that waits, while a run is followed again', async () => {
    const engine = createDockerEngine();
    const { state, output } = await startRun(engine, newLaunch(['sleep', '3'], { image }));
    const requests = await listen();
    const endpoint = { host: process.env.DOCKER_HOST, certificates: null, verify: false };
    const running = await engine.attach({ ...state(), endpoint }, 0, output);
    expect(await running?.ended).toMatchObject({ exitCode: 0, isOver: true });
    expect(requests.toSorted()).toEqual([
      'GET /containers/ID/json',
      'GET /containers/ID/json',
      'GET /containers/ID/logs',
      'POST /containers/ID/wait',
    ]);
  });
});
