import { execFile } from 'node:child_process';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import type { ContainerOptions } from '../../src/runner/engines/container/index.ts';
import { createDockerEngine } from '../../src/runner/engines/docker/index.ts';
import type { Exit, Launch } from '../../src/runner/engines/engine.ts';
import { describeWithEngine, isRootless, itExceptPodman, itWithLimits } from '../support/engine.ts';
import { newLaunch, startRun } from '../support/engine-run.ts';
import { leaveForeignFiles } from '../support/foreign-files.ts';
import { openMount } from '../support/mount.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const execute = promisify(execFile);
const engine = createDockerEngine();

const tooLittleMemory: [string, string, Partial<ContainerOptions>, Partial<Launch>] = [
  'a memory limit that is too small',
  'memory limit is too small',
  { memoryBytes: 4096 },
  {},
];

describeWithEngine('a container of the docker engine', ({ image, bareImage }) => {
  const run = async (
    script: string,
    options: Partial<ContainerOptions> = {},
    more: Partial<Launch> = {},
  ) => {
    const launch = newLaunch(['sh', '-c', script], { image, options: { ...options }, ...more });
    const { running, output, state } = await startRun(engine, launch);
    const exit: Exit = await running.ended;
    return { exit, launch, state: state(), out: output.stdout, err: output.stderr };
  };

  it('runs as the caller, whose files the artifacts are', async () => {
    const { out, launch, state } = await run('id -u; id -g; touch /artifacts/file');
    expect(out).toBe(isRootless ? '0\n0\n' : `${process.getuid?.()}\n${process.getgid?.()}\n`);
    await engine.remove(state);
    for (const path of ['.', 'file']) {
      expect(statSync(join(launch.staging, path)).uid).toBe(process.getuid?.());
    }
  });

  it.for(['1000', '1000:1000', '0:0', 'daemon'])(
    'lets the user %s in, whose files are sealable afterwards',
    async (user) => {
      const script =
        'echo x >/artifacts/f && mkdir /artifacts/d && chmod 0 /artifacts/f /artifacts/d';
      const { exit, err, launch, state } = await run(script, { user });
      expect([exit.reason, err]).toEqual(['exited with 0', '']);
      const { mode } = statSync(launch.staging);
      expect(mode & 0o007).toBe(0);
      await engine.remove(state);
      expect(statSync(launch.staging).mode & 0o777).toBe(0o700);
      if (process.getuid?.() === 0) return;
      for (const path of ['.', 'f', 'd']) {
        expect(statSync(join(launch.staging, path)).uid).toBe(process.getuid?.());
      }
    },
  );

  it('runs as the user that was asked for', async () => {
    expect((await run('id -u; id -g', { user: '4242:4243' })).out).toBe('4242\n4243\n');
  });

  it('has an init, and gets no new privileges', async () => {
    const { out } = await run('grep NoNewPrivs /proc/self/status; cat /proc/1/comm');
    expect(out).toMatch(/NoNewPrivs:\s*1/);
    expect(out).toMatch(/init\n$/);
  });

  it('runs without an init where that is not wanted', async () => {
    expect((await run('echo $$', { init: false })).out).toBe('1\n');
  });

  it('has its artifacts where that was asked for', async () => {
    const { out } = await run('echo $TASKFS_ARTIFACTS; touch $TASKFS_ARTIFACTS/x && ls /out/here', {
      artifactsAt: '/out//here',
    });
    expect(out).toBe('/out/here\nx\n');
  });

  itExceptPodman('ends for want of memory at its limit, and says so', async () => {
    const { exit } = await run('exec tail /dev/zero', { memoryBytes: 32 * 1024 * 1024 });
    expect(exit).toMatchObject({ kind: 'out-of-memory', exitCode: 137, signal: null });
  });

  it('is not out of memory where only a child was and the command went on', async () => {
    const { exit } = await run('tail /dev/zero; true', { memoryBytes: 32 * 1024 * 1024 });
    expect(exit).toMatchObject({ kind: 'exit', exitCode: 0 });
  });

  itWithLimits('is held to its limit of processes', async () => {
    const { err } = await run('for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait', { pids: 5 });
    expect(err).toMatch(/can't fork|Resource temporarily unavailable/);
  });

  itWithLimits(
    'is held to its limit of CPUs, network, root file system and capabilities',
    async () => {
      const script =
        'ls /sys/class/net; touch /file || echo refused; grep CapBnd /proc/self/status';
      const { out, state } = await run(script, {
        cpus: 0.5,
        network: 'none',
        readOnly: true,
        capDrop: ['ALL'],
      });
      expect(out).toMatch(/^lo\nrefused\nCapBnd:\s*0+\n$/);
      const format = '{{.HostConfig.NanoCpus}}';
      const { stdout } = await execute('docker', [
        'inspect',
        '-f',
        format,
        String(state.container),
      ]);
      expect(stdout.trim()).toBe('500000000');
    },
  );

  it('carries the labels by which it can be found', async () => {
    const { state, launch } = await run('true', { labels: { mine: 'yes' } });
    const format = '{{json .Config.Labels}}';
    const { stdout } = await execute('docker', ['inspect', '-f', format, String(state.container)]);
    expect(JSON.parse(stdout)).toEqual({
      mine: 'yes',
      'taskfs.task': 'task',
      'taskfs.attempt': '1',
      'taskfs.store': join(launch.staging, '../..'),
    });
  });

  it('sees the volumes that were asked for, read-only where that was asked for', async () => {
    const source = temporaryDirectory();
    // In an engine with remapped users, root is somebody else.
    chmodSync(source, 0o777);
    writeFileSync(join(source, 'file'), 'from outside\n');
    const script = 'cat /a/file; touch /b/new && touch /a/new 2>/dev/null || echo refused';
    const { out } = await run(script, {
      volumes: [
        { source, target: '/a', readOnly: true },
        { source, target: '/b', readOnly: false },
      ],
    });
    expect(out).toBe('from outside\nrefused\n');
    expect(statSync(join(source, 'new')).isFile()).toBe(true);
  });

  it('starts in the directory, with the entrypoint, that was asked for', async () => {
    expect((await run('pwd', {}, { cwd: '/tmp' })).out).toBe('/tmp\n');
    const { out } = await run('', { entrypoint: '/bin/echo' }, { command: ['hello'] });
    expect(out).toBe('hello\n');
  });

  it('has a terminal where that was asked for', async () => {
    expect((await run('test -t 1 && echo yes', { tty: true })).out).toBe('yes\r\n');
  });

  it('can be of an image without a shell', async () => {
    const launch = newLaunch(['cat', '/artifacts/file'], { image: bareImage });
    writeFileSync(join(launch.staging, 'file'), 'hello');
    const { running, output } = await startRun(engine, launch);
    expect(await running.ended).toMatchObject({ exitCode: 0 });
    expect(output.stdout).toBe('hello');
  });

  itExceptPodman('says 127 where a shell is asked of an image without one', async () => {
    expect((await run('true', {}, { image: bareImage })).exit).toMatchObject({ exitCode: 127 });
  });

  itExceptPodman('is refused where there are fewer CPUs than asked for', async () => {
    await expect(run('true', { cpus: 100_000 })).rejects.toThrow('fewer CPUs');
  });

  it.for<[string, string, Partial<ContainerOptions>, Partial<Launch>]>([
    ['an artifacts directory that is relative', 'artifacts-at', { artifactsAt: 'here' }, {}],
    ['an artifacts directory that is the root', 'artifacts-at', { artifactsAt: '/x/..' }, {}],
    ...(isRootless ? [] : [tooLittleMemory]),
    ['a network that is not there', "no network 'nowhere'", { network: 'nowhere' }, {}],
    ['a user that the image does not know', "no user 'somebody'", { user: 'somebody' }, {}],
    ['a capability that does not exist', 'CAP_NONSENSE', { capDrop: ['NONSENSE'] }, {}],
    [
      'a mount source that is not there',
      'does not see /no/such/source',
      { volumes: [{ source: '/no/such/source', target: '/x', readOnly: false }] },
      {},
    ],
    ['an image that must not be fetched', 'forbids', { pull: 'never' }, { image: 'nowhere/none' }],
    [
      'an image that cannot be fetched',
      'nowhere.invalid/none:1 cannot be fetched',
      {},
      { image: 'nowhere.invalid/none:1' },
    ],
    [
      'a command that is not there, without an init',
      "no command 'nope'",
      { init: false },
      { command: ['nope'] },
    ],
  ])('refuses %s in words, and leaves nothing behind', async ([, words, options, more]) => {
    const task = `refused-${process.pid}-${Date.now()}`;
    await expect(run('true', options, { task, ...more })).rejects.toThrow(words);
    const filter = `label=taskfs.task=${task}`;
    const { stdout } = await execute('docker', ['ps', '-aq', '--filter', filter]);
    expect(stdout).toBe('');
  });

  it.runIf(!isRootless)(
    'names --allow-other where what was to be mounted lies in a mount that it may not enter',
    async () => {
      const mount = await openMount({
        name: 'plain',
        user: 'plain',
        options: { driver: 'kernel' },
      });
      onTestFinished(() => mount.close());
      const source = join(mount.mountpoint, 'live/one');
      const volumes = [{ source, target: '/x', readOnly: false }];
      await expect(run('true', { volumes })).rejects.toMatchObject({
        kind: 'usage',
        message: expect.stringContaining(`does not see ${source}`),
        hint: expect.stringContaining('--allow-other'),
      });
    },
  );

  it('whose supervisor died as its files changed owners leaves nothing of that', async () => {
    const { launch, state } = await run('true');
    const name = `${state.container}-chown`;
    await execute('docker', ['create', '--name', name, image, 'sleep', '600']);
    await execute('docker', ['tag', image, `taskfs-chown-${name.slice(-14, -6)}`]);
    const reclaim = { staging: launch.staging, owner: '0:0' };
    await engine.remove({ ...state, reclaim });
    const { stdout: containers } = await execute('docker', ['ps', '-a']);
    expect(containers).not.toContain(String(state.container));
    expect((await execute('docker', ['images'])).stdout).not.toContain('taskfs-chown');
  });

  it.runIf(!isRootless)(
    "gives a plain user the files that a container's other users left",
    async () => {
      expect(await leaveForeignFiles('docker', image)).toEqual([65534, 65534, 65534]);
      expect(statSync('/etc/passwd').uid).toBe(0);
    },
  );
});
