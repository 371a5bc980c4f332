import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isAttached, openMount, variants } from '../support/mount.ts';
import { until } from '../support/until.ts';

/** The whole form walks 200,000 files, with TASKFS_LONG=1. */
const DIRECTORIES = process.env.TASKFS_LONG ? 2000 : 300;
const FILES = process.env.TASKFS_LONG ? 100 : 3;
const DESCRIPTOR_LIMIT = 1024;
const MEMORY_LIMIT_MIB = 150;
const LIMIT_MS = process.env.TASKFS_LONG ? 600_000 : 90_000;

// How open files are read and written makes no difference to a walk.
const walkers = variants.filter(
  ({ user, options }) => user === 'plain' || options.driver === 'libfuse',
);

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

function memoryMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

const MAKE = `
mkdir -p "$0" && cd "$0" && for d in $(seq ${DIRECTORIES}); do
  mkdir $d && cd $d && touch $(seq ${FILES}) && cd ..
done`;

describe.each(walkers)(`${DIRECTORIES * FILES} files ($name)`, (variant) => {
  test(
    `are walked by a server that may open ${DESCRIPTOR_LIMIT} files, which closes them again`,
    async () => {
      const compiled = mkdtempSync(join(tmpdir(), 'taskfs-compiled-'));
      onTestFinished(() => rmSync(compiled, { recursive: true }));
      chmodSync(compiled, 0o777);
      // The first server compiles, and is larger; what it keeps is there for all that follow.
      await (await openMount({ ...variant, compiled })).close();
      const mount = await openMount({ ...variant, compiled, openFiles: DESCRIPTOR_LIMIT });
      onTestFinished(() => mount.close());
      const limits = readFileSync(`/proc/${mount.pid}/limits`, 'utf8');
      expect(limits).toMatch(
        new RegExp(`Max open files\\s+${DESCRIPTOR_LIMIT}\\s+${DESCRIPTOR_LIMIT}`),
      );
      await mount.run('sh', ['-c', MAKE, join(mount.store.staging, 'one/tree')], {
        timeout: LIMIT_MS,
      });
      const idle = descriptors(mount.pid);
      const tree = join(mount.mountpoint, 'live/one/tree');
      const walk = (args: readonly string[]) =>
        mount.run('find', [tree, ...args], { timeout: LIMIT_MS });
      const found = await walk(['-type', 'f', '-newermt', '2000-01-01', '-printf', '.']);
      expect(found.length).toBe(DIRECTORIES * FILES);
      expect(memoryMiB(mount.pid)).toBeLessThan(MEMORY_LIMIT_MIB);
      // Directories stay open for a while, and no more than so many; files and lists do not.
      await until('files are closed', () => descriptors(mount.pid) < idle + 300);
      await mount.run('rm', ['-r', tree], { timeout: LIMIT_MS });
      expect(await mount.run('ls', [join(mount.mountpoint, 'live/one')])).toBe('');
    },
    LIMIT_MS * 2,
  );
});

// What is attached is opened by no server.
const served = variants.filter((variant) => !isAttached(variant));

describe.each(served)('open files ($name)', (variant) => {
  test('are closed beneath when they are closed above', async () => {
    const mount = await openMount(variant);
    onTestFinished(() => mount.close());
    const live = join(mount.mountpoint, 'live/one');
    const work =
      'for i in $(seq 50); do echo $i > f$i; cat f$i; ls; mv f$i g; rm g; done > /dev/null';
    await mount.run('sh', ['-c', work], { cwd: live });
    await mount.run('ls', [live]);
    await until('what belongs to the work is closed', () => {
      const open = readdirSync(`/proc/${mount.pid}/fd`).map((fd) => target(mount.pid, fd));
      return open.filter((path) => /\/staging\/one\/[fg]/.test(path)).length === 0;
    });
  });
});

function target(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}
