import { execFile, spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openStore, taskPaths } from '../../src/store/index.ts';
import { reachOf } from '../../src/sys/lock-reach.ts';
import { type Cli, finished, launcher, newCli, type Ran } from '../support/cli.ts';
import { killSupervisor } from '../support/ending.ts';
import { recordOf } from '../support/runner.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);
const isRoot = process.getuid?.() === 0;

/** A second way to a directory that carries no locks, as sshfs does. */
async function reachOtherwise(directory: string): Promise<string> {
  const other = join(temporaryDirectory(), 'other');
  await mkdir(other);
  await execute('bindfs', [directory, other]);
  onTestFinished(async () => {
    await execute('umount', ['-l', other]);
  });
  return other;
}

interface Disguise {
  readonly host?: string;
  readonly id?: string;
  /** The same boot: another container on one machine. */
  readonly sameBoot?: boolean;
}

/**
 * Runs taskfs as on another machine: other boot, other
 * processes, and where told another name and id.
 */
function onAnother(cli: Cli, store: string, args: readonly string[], as: Disguise = {}) {
  const base = temporaryDirectory();
  writeFileSync(join(base, 'boot'), '11111111-2222-3333-4444-555555555555\n');
  writeFileSync(join(base, 'id'), `${as.id}\n`);
  const script = [
    'mount -t tmpfs tmpfs /sys/fs/cgroup',
    ...(as.sameBoot ? [] : [`mount --bind ${base}/boot /proc/sys/kernel/random/boot_id`]),
    ...(as.id === undefined ? [] : [`mount --bind ${base}/id /etc/machine-id`]),
    ...(as.host === undefined ? [] : [`hostname ${as.host}`]),
    'exec "$T" "$@"',
  ].join(' && ');
  const unshare = ['--pid', '--fork', '--mount-proc', '--uts', '--mount'];
  const child = spawn('unshare', [...unshare, 'sh', '-c', script, 'sh', ...args], {
    env: { ...process.env, T: launcher, TASKFS_STORE: store },
    cwd: cli.base,
  });
  child.stdin.end();
  return { child, ran: finished(child) };
}

const script =
  'echo 1 > "$TASKFS_ARTIFACTS/a"; until [ -e "$0/go" ]; do sleep 0.1; done; ' +
  'echo 2 > "$TASKFS_ARTIFACTS/b"';

async function startTask(cli: Cli): Promise<void> {
  await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', script, cli.base);
  await until('it runs', () => existsSync(join(cli.store, 'staging/t/a')));
}

const openGate = (cli: Cli): void => writeFileSync(join(cli.base, 'go'), '');

describe.runIf(isRoot)('a store without shared locks (needs root and bindfs)', () => {
  const disguises: readonly Disguise[] = [
    { host: 'other' },
    { id: '0123456789abcdef0123456789abcdef' },
    {},
    { sameBoot: true, host: 'container' },
  ];

  const isLeftAlone = async (as: Disguise, index: number): Promise<void> => {
    const cli = newCli();
    await startTask(cli);
    const store = join(await reachOtherwise(cli.base), 'store');
    const other = (...args: string[]): Promise<Ran> => onAnother(cli, store, args, as).ran;
    const [recovered] = JSON.parse((await other('recover', '--json')).stdout);
    expect(recovered).toMatchObject({ task: 't', outcome: 'elsewhere', error: null });
    expect(await other('rm', 't')).toMatchObject({ code: 2 });
    expect((await other('ps')).stdout).toMatch(/running on /);
    // Once: it mounts, looks at every mount of the machine, and starts a dozen processes for that.
    if (index === 0) {
      expect((await other('doctor')).stdout).toMatch(/does not carry locks[\s\S]*supervised on/);
    }
    // A limit counts what runs elsewhere.
    const queued = onAnother(cli, store, ['run', '--max-running', '1', '--', 'true'], as);
    const waiting = onAnother(cli, store, ['wait', 't'], as);
    let said = '';
    waiting.child.stderr.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    await until('it says so', () => said.includes('is supervised by process'));
    await until('it waits', async () => readdirSync(join(store, 'tasks/.queue')).length === 3);
    expect(recordOf(openStore(cli.store), 't').status).toBe('running');
    openGate(cli);
    expect(await waiting.ran).toMatchObject({ code: 0 });
    expect(await queued.ran).toMatchObject({ code: 0 });
    expect(await cli.json('wait', 't', '--json')).toMatchObject([{ status: 'completed' }]);
    expect((await cli.run('ls', 't')).stdout).toBe('a\nb\n');
  };

  // At once: a queue looks every ten seconds for what ended on another machine.
  it('leaves a task alone that is supervised elsewhere', async () => {
    await Promise.all(disguises.map(isLeftAlone));
  }, 120_000);

  it('gives the tasks of a machine that is gone for good to who says so', async () => {
    const cli = newCli();
    await startTask(cli);
    const store = join(await reachOtherwise(cli.base), 'store');
    killSupervisor(openStore(cli.store), recordOf(openStore(cli.store), 't').task);
    const as = { host: 'other' };
    const wrong = await onAnother(cli, store, ['recover', '--machine-gone', 'x', '--json'], as).ran;
    expect(JSON.parse(wrong.stdout)).toMatchObject([{ outcome: 'elsewhere' }]);
    const { host = '' } = recordOf(openStore(cli.store), 't').supervisor ?? {};
    const asked = await onAnother(cli, store, ['cancel', 't'], as).ran;
    expect(asked.stderr).toMatch(/t is supervised by process .*, which is asked through the store/);
    const right = await onAnother(cli, store, ['recover', '--machine-gone', host], as).ran;
    expect(right.stdout).toContain('t: sealed');
    openGate(cli);
  });

  it('knows a supervisor that lives on this machine, and recovers one that died', async () => {
    const cli = newCli();
    const other = join(await reachOtherwise(cli.base), 'store');
    await startTask(cli);
    expect((await cli.run('recover', '--store', other)).stdout).toMatch(/t: elsewhere/);
    killSupervisor(openStore(cli.store), recordOf(openStore(cli.store), 't').task);
    await until('it is recovered', async () =>
      (await cli.run('recover', '--store', other)).stdout.includes('t: sealed'),
    );
    openGate(cli);
  });
});

describe.runIf(isRoot)('a store of one machine (needs root)', () => {
  it.each<Disguise>([{}, { host: 'renamed' }])('is recovered after a restart: %j', async (as) => {
    const cli = newCli();
    await startTask(cli);
    const store = openStore(cli.store);
    killSupervisor(store, recordOf(store, 't').task);
    await until('nobody supervises it', async () =>
      (await cli.run('ps')).stdout.includes('interrupted'),
    );
    const { stdout } = await onAnother(cli, cli.store, ['recover'], as).ran;
    expect(stdout).toContain('t: sealed');
    openGate(cli);
    expect(existsSync(taskPaths(store, recordOf(store, 't').task).staging)).toBe(false);
  });

  it('is left alone by a machine with another id', async () => {
    const cli = newCli();
    await startTask(cli);
    const store = openStore(cli.store);
    killSupervisor(store, recordOf(store, 't').task);
    const as = { id: '0123456789abcdef0123456789abcdef' };
    expect((await onAnother(cli, cli.store, ['recover'], as).ran).stdout).toMatch(/t: elsewhere/);
    expect((await cli.run('recover')).stdout).toContain('t: sealed');
    openGate(cli);
  });
});

describe('a copy of a store', () => {
  it('leaves a task alone whose supervisor lives, and holds the lock of the other', async () => {
    const cli = newCli();
    await startTask(cli);
    const copy = join(cli.base, 'copy');
    await execute('cp', ['-a', cli.store, copy]);
    const { stdout } = await cli.run('recover', '--json', '--store', copy);
    expect(JSON.parse(stdout)).toMatchObject([{ task: 't', outcome: 'elsewhere' }]);
    const asked = ['cancel', 'pause', 'attach', 'exec', 'rm -f'];
    for (const verb of asked) {
      const command = verb === 'exec' ? ['--', 'true'] : [];
      const { code, stderr } = await cli.run(...verb.split(' '), '--store', copy, 't', ...command);
      expect({ verb, code }).toEqual({ verb, code: /exec|attach/.test(verb) ? 125 : 1 });
      expect(stderr).toContain(`task t runs in the store that ${copy} was copied from`);
    }
    openGate(cli);
    expect(await cli.json('wait', 't', '--json')).toMatchObject([{ status: 'completed' }]);
    expect((await cli.run('ls', 't')).stdout).toBe('a\nb\n');
    await until('its supervisor ended, and the copy is recovered', async () =>
      (await cli.run('recover', '--store', copy)).stdout.includes('t: sealed'),
    );
  });
});

describe('locks', () => {
  it.each([
    ['ext4', 'rw', 'machine'],
    ['overlay', 'rw', 'machine'],
    ['fuseblk', 'rw', 'machine'],
    ['nfs4', 'rw,vers=4.2,local_lock=none', 'network'],
    ['nfs', 'rw,nolock,vers=3', 'mount'],
    ['nfs', 'rw,vers=3,local_lock=all', 'mount'],
    ['nfs', 'rw,vers=3,local_lock=flock', 'mount'],
    ['nfs', 'rw,vers=3,local_lock=posix', 'network'],
    ['lustre', 'rw,localflock', 'mount'],
    ['ceph', 'rw', 'network'],
    ['cifs', 'rw', 'mount'],
    ['smb3', 'rw', 'mount'],
    ['fuse.sshfs', 'rw', 'mount'],
    ['fuse', 'rw', 'mount'],
    ['virtiofs', 'rw', 'mount'],
    ['9p', 'rw,trans=virtio', 'mount'],
  ])('of %s with %s reach the %s', (type, options, reach) => {
    expect(reachOf(type, options)).toBe(reach);
  });
});
