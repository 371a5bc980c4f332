import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { allMounts } from '../../src/mount/index.ts';
import { type Cli, finished, newCli } from '../support/cli.ts';
import { describeWithEngine, isRootless } from '../support/engine.ts';
import { isMountpoint } from '../support/mount.ts';
import { until } from '../support/until.ts';

/**
 * A mount of root's, with staging attached in it, that containers were given: what comes and goes
 * in it comes and goes there.
 */

const run = promisify(execFile);
/** For how long something may stay mounted whose server was killed. */
const LIMIT_MS = 5000;
const WAITS = 'cd "$TASKFS_ARTIFACTS"; echo hi > f; touch up; until [ -e go ]; do sleep 0.05; done';

/** What a container is given: the mount itself, or the directory around it. */
const WAYS = {
  shared: 'mnt:rshared',
  slave: 'mnt:rslave',
  private: 'mnt:rprivate',
  around: '.:rslave',
} as const;
type Way = keyof typeof WAYS;
const ALL: readonly Way[] = ['shared', 'slave', 'private', 'around'];
/** Those that see what is mounted later. */
const FOLLOWING: readonly Way[] = ['shared', 'slave', 'around'];

interface Seen {
  readonly said: string;
  /** What is mounted beneath the mount. */
  readonly beneath: readonly string[];
}

interface Containers {
  /** Runs a script in the mount as a container sees it, or in `/` where there is none any more. */
  inside(way: Way, script: string): Promise<Seen>;
  /** The same in each container at once. */
  everywhere(script: string): Promise<ReadonlyMap<Way, Seen>>;
}

describeWithEngine('a mount in containers', ({ image, smallDisk }) => {
  async function startContainers(around: string, ways: readonly Way[]): Promise<Containers> {
    const start = async (way: Way): Promise<[Way, string]> => {
      const [path = '', propagation] = WAYS[way].split(':');
      const volume = `${join(around, path)}:/${way === 'around' ? 'around' : 'around/mnt'}`;
      const words = ['run', '-d', '-v', `${volume}:${propagation}`, image, 'sleep', '1000'];
      return [way, (await run('docker', words)).stdout.trim()];
    };
    const started = new Map(await Promise.all(ways.map(start)));
    onTestFinished(async () => void (await run('docker', ['rm', '-f', ...started.values()])));
    const inside = async (way: Way, script: string): Promise<Seen> => {
      const text = `cd /around/mnt; ${script}; cut -d ' ' -f 2 /proc/mounts`;
      const words = ['exec', '-e', `WAY=${way}`, started.get(way) ?? '', 'sh', '-c', text];
      const lines = (await run('docker', words)).stdout.trim().split('\n');
      const places = lines.filter((line) => line.startsWith('/around/mnt/'));
      return {
        said: lines.filter((line) => !line.startsWith('/')).join(' '),
        beneath: places.map((place) => place.slice('/around/mnt/'.length)),
      };
    };
    const everywhere = async (script: string): Promise<ReadonlyMap<Way, Seen>> =>
      new Map(
        await Promise.all(
          ways.map(async (way): Promise<[Way, Seen]> => [way, await inside(way, script)]),
        ),
      );
    return { inside, everywhere };
  }

  /** A mount in a directory whose mounts reach the engine, and a live task. */
  async function mounted(): Promise<{ cli: Cli; around: string; mountpoint: string; pid: number }> {
    const cli = newCli();
    await cli.run('init');
    const around = mkdtempSync(join(smallDisk, 'around-'));
    const mountpoint = join(around, 'mnt');
    const { pid } = await cli.json<{ pid: number }>('mount', '--json', mountpoint);
    onTestFinished(async () => {
      if (isMountpoint(mountpoint)) await run('umount', ['-l', mountpoint]);
    });
    return { cli, around, mountpoint, pid };
  }

  async function startTask(cli: Cli, mountpoint: string, task: string) {
    const ended = finished(cli.start('run', '--name', task, '--', 'sh', '-c', WAITS));
    const staging = join(cli.store, 'staging', task);
    await until(`${task} is attached`, () => isMountpoint(join(mountpoint, 'live', task)));
    await until(`${task} runs`, () => existsSync(join(staging, 'up')));
    return { ended, end: () => run('touch', [join(staging, 'go')]) };
  }

  const mountsAt = (directory: string): string[] =>
    allMounts().flatMap(({ mountpoint: at }) => (at.startsWith(`${directory}/`) ? [at] : []));

  it.skipIf(isRootless)('shows there what comes, changes and ends, until unmounted', async () => {
    const { cli, around, mountpoint } = await mounted();
    const first = await startTask(cli, mountpoint, 'first');
    const { inside, everywhere } = await startContainers(around, ALL);
    const second = await startTask(cli, mountpoint, 'second');
    const change = 'cat live/*/f; echo $WAY > live/second/$WAY; chmod 640 live/second/$WAY';
    for (const [way, { said, beneath }] of await everywhere(change)) {
      expect(said).toBe('hi hi');
      const attached = FOLLOWING.includes(way) ? ['live/first', 'live/second'] : ['live/first'];
      expect(beneath).toEqual(['archive', ...attached]);
    }
    // Whoever has a file open there is waited for.
    const script =
      'exec 3> live/second/late; : > /tmp/up; ' +
      'until [ -e /tmp/go ]; do sleep 0.05; done; echo late >&3';
    const writer = inside('shared', script);
    await until('it is open', async () => (await inside('shared', 'ls /tmp')).said === 'up');
    await second.end();
    const isDetached = ({ beneath }: Seen) => !beneath.includes('live/second');
    await until('it is detached', async () => isDetached(await inside('shared', 'touch /tmp/up')));
    await inside('shared', 'touch /tmp/go');
    await writer;
    expect(await second.ended).toMatchObject({ code: 0, stderr: '' });
    const read = 'ls live; cd archive/second; cat late shared slave private around';
    for (const { said, beneath } of (await everywhere(read)).values()) {
      expect(said).toBe('first late shared slave private around');
      expect(beneath).toEqual(['archive', 'live/first']);
    }

    expect(await cli.run('unmount', mountpoint)).toMatchObject({ code: 0, stderr: '' });
    expect(mountsAt(around)).toEqual([]);
    const after = await everywhere('true');
    for (const way of FOLLOWING) expect(after.get(way)?.beneath).toEqual([]);
    // As a disk, it stays with whoever has mounted it for themselves, and so does what it shows.
    await first.end();
    expect(await first.ended).toMatchObject({ code: 0, stderr: '' });
    const left = await inside('private', 'ls live archive/first');
    expect(left).toEqual({ said: expect.stringContaining('f go'), beneath: ['archive'] });
  });

  it.skipIf(isRootless)('leaves nothing attached there when its server is killed', async () => {
    const { cli, around, mountpoint, pid } = await mounted();
    const task = await startTask(cli, mountpoint, 'a');
    const ways: readonly Way[] = ['shared', 'private'];
    const { everywhere } = await startContainers(around, ways);
    const attached = async () =>
      [...(await everywhere('true'))].flatMap(([way, { beneath }]) =>
        beneath.includes('live/a') ? [way] : [],
      );
    expect(await attached()).toEqual(ways);
    process.kill(pid, 'SIGKILL');
    await until('nothing is mounted', () => mountsAt(around).length === 0, LIMIT_MS);
    await until('nothing is attached', async () => (await attached()).length === 0, LIMIT_MS);
    await task.end();
    expect(await task.ended).toMatchObject({ code: 0, stderr: '' });
  });
});
