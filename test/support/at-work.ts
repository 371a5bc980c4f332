import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { MountedStore, MountVariant } from './mount.ts';
import { until } from './until.ts';

/** What programs do to live files, over and over, until something is refused. */
const WORK: readonly string[] = [
  'dd if=/dev/zero of=written bs=64k count=32 conv=fsync',
  'echo line >> appended',
  'cat content > /dev/null',
  // What is removed while it is listed is no end.
  'ls -lR . > /dev/null || test -e content',
  'mkdir -p d/e && touch d/e/f && mv d/e/f d/g && rm -r d',
  `/usr/bin/python3 -c '
import mmap
with open("mapped", "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
    m[5000:5004] = b"here"
    m.flush()'`,
];

/** Somebody who holds a lock, and somebody who waits for it. */
const HOLD = 'exec 9> locked && flock 9 && echo in && exec sleep 1000';
const WAIT = 'echo in && exec flock locked true';

/**
 * Readers and writers in the live directory `one` of a mount, all of them busy when this is
 * fulfilled: as soon as the mount refuses to serve them, each has to end.
 */
export async function putToWork(
  mount: MountedStore,
  variant: MountVariant,
): Promise<readonly ChildProcess[]> {
  const live = join(mount.mountpoint, 'live/one');
  await mount.run('truncate', ['-s', '1M', 'content', 'mapped'], { cwd: live });
  const start = async (script: string): Promise<ChildProcess> => {
    const child = mount.start('sh', ['-c', `exec 2> /dev/null; cd "$0" && ${script}`, live]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const failed = once(child, 'exit').then(() => false);
    const isBusy = !child.stdout || Promise.race([once(child.stdout, 'data'), failed]);
    if (!(await isBusy)) throw new Error(`it could not be done at all: ${script}`);
    return child;
  };
  await start(HOLD);
  const loops = WORK.map((work) => start(`${work} && echo in && while ${work}; do :; done`));
  const workers = await Promise.all(loops);
  // With libfuse the kernel itself lets them wait, and asks nobody.
  if (variant.options.driver === 'kernel') workers.push(await start(WAIT));
  expect(workers.filter(hasEnded)).toEqual([]);
  return workers;
}

export async function allEnd(workers: readonly ChildProcess[], limitMs: number): Promise<void> {
  await until('everybody who was at work has ended', () => workers.every(hasEnded), limitMs);
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;
