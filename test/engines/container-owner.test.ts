import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import type { TaskView } from '../../src/runner/index.ts';
import { type Cli, newCli } from '../support/cli.ts';
import { describeWithEngine, isRootless } from '../support/engine.ts';
import { startPrivateEngine } from '../support/private-engine.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);
describeWithEngine('files of a container', ({ image, host }) => {
  const callers = isRootless
    ? (['the user of a rootless engine'] as const)
    : (['root', 'a plain user'] as const);

  const otherCallers = callers.filter((who) => who !== 'root');

  /** taskfs as a caller of an engine, whose socket lets its group in. */
  const callerOf = (who: string, engine = host): Cli => {
    const { gid: group } = statSync(engine.replace('unix://', ''));
    const env = { DOCKER_HOST: engine };
    return newCli(who === 'a plain user' ? { env, user: 'plain', group } : { env });
  };

  const expectSealed = async (cli: Cli, task: string, files: string[]) => {
    expect(await cli.json('status', task, '--json')).toMatchObject({ artifacts: 'sealed' });
    expect((await cli.run('ls', task)).stdout.trim().split('\n')).toEqual(files);
    expect(existsSync(join(cli.store, 'staging', task))).toBe(false);
  };

  const script =
    'echo x >/artifacts/f && mkdir /artifacts/d && echo y >/artifacts/d/y && chmod 0 /artifacts/d';

  it.for(callers)('are written by any user, and sealed, for %s', async (who) => {
    const caller = callerOf(who);
    for (const user of ['1000:1000', '0', 'daemon']) {
      const task = `as-${user.replace(':', '-')}`;
      const run = ['run', '--name', task, '--image', image, '-u', user, '--', 'sh', '-c', script];
      expect(await caller.run(...run)).toMatchObject({ code: 0 });
      await expectSealed(caller, task, ['d/', 'f']);
    }
  });

  it.for(callers)("are written by the image's own user, for %s", async (who) => {
    const caller = callerOf(who);
    const own = await derive(image, ['USER 1234:1234']);
    const run = ['run', '--name', 'own', '--image', own, '--', 'sh', '-c', `id -u; ${script}`];
    expect(await caller.run(...run)).toMatchObject({ code: 0, stdout: '1234\n' });
    await expectSealed(caller, 'own', ['d/', 'f']);
  });

  it.for(callers)('of an image that says root are the caller’s, for %s', async (who) => {
    const caller = callerOf(who);
    const rooted = await derive(image, ['USER root']);
    const { stdout } = await caller.run('run', '--image', rooted, '--', 'id', '-u');
    expect(stdout).toBe(`${who === 'a plain user' ? 65534 : 0}\n`);
  });

  it.for(otherCallers)('are given back by nothing of the image’s, for %s', async (who) => {
    const caller = callerOf(who);
    const evil = await deriveEvil(image);
    const write = 'echo x >/artifacts/f; chmod 0 /artifacts/f';
    const run = ['run', '--name', 'evil', '--image', evil, '-u', '1000', '--', '-c', write];
    expect(await caller.run(...run)).toMatchObject({ code: 0 });
    await expectSealed(caller, 'evil', ['f']);
    const left = await execute('docker', ['ps', '-aq', '--filter', 'label=taskfs.chown']);
    expect(left.stdout).toBe('');
    expect((await execute('docker', ['images'])).stdout).not.toContain('taskfs-chown');
  });

  it.for(otherCallers)('are sealed though somebody removed the container, for %s', async (who) => {
    const caller = callerOf(who);
    const write = `${script}; touch /artifacts/written; sleep 600`;
    for (const isKilled of [false, true]) {
      const task = `removed-${isKilled}`;
      const as = isRootless ? '1000' : '0';
      const run = ['run', '-d', '--name', task, '--image', image, '-u', as];
      expect(await caller.run(...run, '--', 'sh', '-c', write)).toMatchObject({ code: 0 });
      const written = join(caller.store, 'staging', task, 'written');
      await until('it has written', () => existsSync(written));
      const { container, supervisorPid } = await caller.json<TaskView>('status', task, '--json');
      if (isKilled) process.kill(supervisorPid ?? 0, 'SIGKILL');
      await execute('docker', ['rm', '-f', container ?? '']);
      if (isKilled) expect((await caller.run('recover')).code).toBe(0);
      await caller.run('wait', task);
      await expectSealed(caller, task, ['d/', 'f', 'written']);
    }
  });

  it('are nobody else’s while the task runs, but its own user’s', async () => {
    const caller = callerOf(callers.at(-1) ?? '');
    const wait = 'touch /artifacts/ready; sleep 600';
    const run = [
      'run',
      '-d',
      '--name',
      'open',
      '--image',
      image,
      '-u',
      '1000',
      '--',
      'sh',
      '-c',
      wait,
    ];
    expect(await caller.run(...run)).toMatchObject({ code: 0 });
    const staging = join(caller.store, 'staging');
    expect(statSync(staging).mode & 0o077).toBe(0);
    expect(statSync(join(staging, 'open')).mode & 0o007).toBe(0);
  });

  it.runIf(!isRootless && !process.env.TASKFS_TEST_PODMAN).for(callers)(
    'are the caller’s where the engine remaps users, for %s',
    { timeout: 120_000 },
    async (who) => {
      const engine = await startPrivateEngine('--userns-remap=taskfs-engine');
      const caller = callerOf(who, engine.host);
      for (const user of [[], ['-u', '1000'], ['-u', '0']]) {
        const task = `remapped${user.at(-1) ?? ''}`;
        const map = `cat /proc/self/uid_map; ${script}`;
        const run = [
          'run',
          '--name',
          task,
          '--image',
          engine.image,
          ...user,
          '--',
          'sh',
          '-c',
          map,
        ];
        const { code, stdout } = await caller.run(...run);
        expect([code, stdout.trim().split(/\s+/)]).toEqual([0, ['0', '700000', '65536']]);
        await expectSealed(caller, task, ['d/', 'f']);
      }
    },
  );
});

/** Makes an image from another with more instructions; removed when the test ends. */
async function derive(image: string, instructions: readonly string[]): Promise<string> {
  return await remake(image, 'true', instructions);
}

/** An image whose every program and preloaded library would rather keep what it gets. */
function deriveEvil(image: string): Promise<string> {
  const steal = 'printf "#!/bin/sh\\necho stolen >/taskfs-staging/stolen\\n"';
  const script = [
    `rm -f /bin/chown; ${steal} >/bin/chown; chmod 755 /bin/chown`,
    'mkdir -p /usr/bin; cp /bin/chown /usr/bin/chown',
    'echo /evil.so >/etc/ld.so.preload; cp /bin/busybox /evil.so',
  ].join('; ');
  return remake(image, script, ['ENV LD_PRELOAD=/evil.so', 'ENTRYPOINT ["/bin/sh"]']);
}

async function remake(image: string, script: string, instructions: readonly string[]) {
  const name = `taskfs-test/derived-${process.pid}-${Date.now()}`;
  const container = `${name.replace('/', '-')}`;
  await execute('docker', ['run', '--name', container, image, 'sh', '-c', script]);
  const changes = instructions.flatMap((instruction) => ['--change', instruction]);
  // Podman's service does not understand how the docker command asks for a commit.
  const tar = join(temporaryDirectory(), 'image.tar');
  await execute('docker', ['export', '-o', tar, container]);
  await execute('docker', ['import', ...changes, tar, name]);
  await execute('docker', ['rm', container]);
  onTestFinished(async () => void (await execute('docker', ['rmi', '-f', name])));
  return name;
}
