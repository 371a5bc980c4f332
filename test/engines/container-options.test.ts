import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readContainerOptions } from '../../src/runner/engines/container/index.ts';
import { containerSpec } from '../../src/runner/engines/docker/container-spec.ts';
import { newCli } from '../support/cli.ts';
import { describeWithEngine } from '../support/engine.ts';
import { newLaunch } from '../support/engine-run.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);

describeWithEngine('a container', ({ image, host }) => {
  const env = { DOCKER_HOST: host };
  const trap =
    "trap 'echo quit; exit 5' QUIT; trap '' TERM INT; echo ready; while :; do sleep 0.05; done";

  it.for(['SIGINT', 'cancel'] as const)(
    'is ended by the signal that its image wants, after %s',
    async (way) => {
      const cli = newCli({ env });
      const wants = await withStopSignal(image, 'SIGQUIT');
      const child = cli.start('run', '--name', 'q', '--image', wants, '--', 'sh', '-c', trap);
      let out = '';
      child.stdout.on('data', (chunk) => {
        out += chunk;
      });
      const ended = new Promise((resolve) => child.on('close', resolve));
      await until('it is ready', () => out === 'ready\n');
      if (way === 'SIGINT') child.kill('SIGINT');
      else await cli.run('cancel', 'q');
      await ended;
      expect(out).toBe('ready\nquit\n');
    },
  );

  it('has what docker’s words ask for', async () => {
    const cli = newCli({ env: { ...env, HERE: 'from here' } });
    mkdirSync(join(cli.base, 'data'));
    writeFileSync(join(cli.base, 'data/file'), 'mounted\n');
    writeFileSync(join(cli.base, 'variables'), '# a comment\n\nONE=1 = one\nHERE\nTWO=file\n');
    const script = `hostname; echo "$ONE|$HERE|$TWO"; cat /data/file
      touch /data/x 2>&1 | grep -o Read-only
      grep -E ' /(scratch|run/two|dev/shm) ' /proc/mounts | tr ' ' '\\n' |
        grep -oE '^/(scratch|run/two|dev/shm)$|size=[0-9a-z]+' | tr '\\n' ' '; echo
      ulimit -n; ls /dev/fuse; grep CapEff /proc/self/status`;
    const ran = await cli.run(
      ...['run', '--name', 'w', '--image', image, '--user', '0', '--hostname', 'here'],
      ...['--env-file', join(cli.base, 'variables'), '-e', 'TWO=given', '--cap-drop', 'ALL'],
      ...[
        '--mount',
        `type=bind,src=${join(cli.base, 'data')},dst=/data,readonly`,
        '--cap-add',
        'KILL',
      ],
      ...['--tmpfs', '/scratch:size=1m', '--mount', 'type=tmpfs,dst=/run/two,tmpfs-size=2m'],
      ...['--shm-size', '3m', '--ulimit', 'nofile=99:100', '--device', '/dev/fuse'],
      ...['--', 'sh', '-c', script],
    );
    expect(ran.stdout.split('\n')).toEqual([
      'here',
      '1 = one|from here|given',
      'mounted',
      'Read-only',
      expect.stringMatching(/\/dev\/shm size=3072k/),
      '99',
      '/dev/fuse',
      'CapEff:\t0000000000000020',
      '',
    ]);
    expect(ran.stdout).toMatch(/\/scratch size=1024k/);
    expect(ran.stdout).toMatch(/\/run\/two size=2048k/);
    const record = readFileSync(join(cli.store, 'tasks/w/task.json'), 'utf8');
    expect(record).not.toContain('from here');
  });

  it('is published, has its platform, and is ended by the signal and time asked for', async () => {
    const cli = newCli({ env });
    const options = ['-p', '127.0.0.1::80/udp', '--stop-signal', 'USR1', '--stop-timeout', '1'];
    const ignoring = "trap '' USR1; echo ready; while :; do sleep 0.05; done";
    const where = ['--name', 'p', '--image', image, '--network', 'bridge'];
    const child = cli.start('run', ...where, ...options, '--', 'sh', '-c', ignoring);
    await until('it is ready', async () => (await cli.run('logs', 'p')).stdout === 'ready\n');
    const { container } = await cli.json<{ container: string }>('status', 'p', '--json');
    const inspected = await execute('docker', ['inspect', container], {
      env: { ...process.env, ...env },
    });
    const [{ HostConfig, Config }] = JSON.parse(inspected.stdout);
    expect(HostConfig.PortBindings).toEqual({ '80/udp': [{ HostIp: '127.0.0.1', HostPort: '' }] });
    expect(Config.StopSignal).toBe('USR1');
    const ended = new Promise((resolve) => child.on('close', resolve));
    await cli.run('cancel', 'p');
    await ended;
    const record = JSON.parse(readFileSync(join(cli.store, 'tasks/p/task.json'), 'utf8'));
    expect(record).toMatchObject({ options: { graceMs: 1000 }, signal: 'SIGKILL' });
    const other = await cli.run(
      'run',
      '--image',
      image,
      '--platform',
      'linux/riscv64',
      '--',
      'true',
    );
    expect(other.code).not.toBe(0);
    for (const [option, value] of [
      ['-p', '80:x'],
      ['--device', 'kvm'],
      ['--ulimit', 'nofile'],
      ['--gpus', 'some'],
      ['--mount', 'type=bind,target=/x'],
      ['--tmpfs', '/x:frob=1'],
    ]) {
      const refused = await cli.run('run', '--image', image, `${option}`, `${value}`, '--', 'true');
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`'${value}'`) });
    }
  });

  it('is named by status', async () => {
    const cli = newCli({ env });
    await cli.run('run', '-d', '--name', 'named', '--image', image, '--', 'sleep', '600');
    const { container } = await until('it has a container', async () => {
      const seen = await cli.json('status', 'named', '--json');
      return seen.container ? seen : null;
    });
    expect(container).toMatch(/^taskfs-named-1-[0-9a-f]{8}$/);
    expect((await cli.run('status', 'named')).stdout).toContain(`Container:   ${container}`);
    await cli.run('cancel', 'named');
  });

  it('has a volume of the engine where -v names one, and a path where it is one', async () => {
    const cli = newCli({ env });
    const name = `taskfs-test-${process.pid}`;
    onTestFinished(async () => void (await execute('docker', ['volume', 'rm', '-f', name])));
    mkdirSync(join(cli.base, 'here'));
    writeFileSync(join(cli.base, 'here/file'), 'here\n');
    const run = (script: string) =>
      cli.run(
        ...['run', '--image', image, '-v', `${name}:/kept`, '-v', './here:/here:ro,z'],
        ...['--', 'sh', '-c', script],
      );
    expect(await run('echo kept >/kept/file; cat /here/file')).toMatchObject({ stdout: 'here\n' });
    expect(await run('cat /kept/file; touch /here/x || echo ro')).toMatchObject({
      stdout: 'kept\nro\n',
    });
    const gone = ['run', '--image', image, '-v', './none:/none:Z', '--', 'true'];
    expect(await cli.run(...gone)).toMatchObject({ code: 125 });
    expect((await cli.run('run', '--image', image, '-v', 'a:/b:x', '--', 'true')).code).toBe(2);
  });
});

describe('what an engine is asked for', () => {
  const setting = { hasInput: true, user: '0:0', podmanVersion: null, hasSelinux: false };
  const hostConfigOf = (options: object, hasSelinux: boolean) => {
    const launch = newLaunch(['true'], { image: 'an-image' });
    const read = readContainerOptions(options as Record<string, unknown>);
    const { HostConfig } = containerSpec('name', launch, read, { ...setting, hasSelinux });
    return { staging: launch.staging, ...HostConfig };
  };

  it('has a limit of processes, which --pids replaces, and the engine’s users', () => {
    expect(hostConfigOf({}, false)).toMatchObject({ PidsLimit: 4096 });
    expect(hostConfigOf({ pids: 7 }, false)).toMatchObject({ PidsLimit: 7 });
    expect(hostConfigOf({}, false)).not.toHaveProperty('UsernsMode');
  });

  it('has a label for the artifacts where the engine says SELinux', () => {
    const { staging, Binds, Mounts } = hostConfigOf({}, true);
    expect(Binds).toEqual([`${staging}:/artifacts:rw,Z`]);
    expect(Mounts).toEqual([]);
    expect(hostConfigOf({}, false)).toMatchObject({ Binds: [], Mounts: [{ Type: 'bind' }] });
  });
});

/** The image with a STOPSIGNAL of its own; removed when the test ends. */
async function withStopSignal(image: string, signal: string): Promise<string> {
  const name = `taskfs-test/stop-${process.pid}-${Date.now()}`;
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'Dockerfile'), `FROM ${image}\nSTOPSIGNAL ${signal}\n`);
  // Docker's old builder: the new one is a program that may not be there.
  const env = { ...process.env, DOCKER_BUILDKIT: '0' };
  await execute('docker', ['build', '-t', name, directory], { env });
  onTestFinished(async () => void (await execute('docker', ['rmi', '-f', name])));
  return name;
}
