import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { newCli } from '../support/cli.ts';
import { isMountpoint } from '../support/mount.ts';

/** Links that a task plants, in a mount that follows none. */

const run = promisify(execFile);
const isRoot = process.geteuid?.() === 0;

test.runIf(isRoot)('no link of a task’s is followed, live or archived', async () => {
  const cli = newCli();
  await cli.run('init');
  const [mountpoint, victim, go] = ['mount', 'victim', 'go'].map((name) =>
    join(cli.base, name),
  ) as [string, string, string];
  writeFileSync(victim, 'mine\n');
  const mounted = await cli.run('mount', '--nosymfollow', mountpoint);
  expect(mounted).toMatchObject({ code: 0 });
  const task = `cd "$TASKFS_ARTIFACTS" && ln -s '${victim}' absolute && echo x > f && ln -s f inside
ln -s '${cli.base}' directory && touch ready; until [ -e '${go}' ]; do sleep 0.05; done`;
  await cli.run('run', '-d', '--name', 'a', '--', 'sh', '-c', task);
  const ready = 'until [ -e "$0" ]; do sleep 0.05; done';
  await run('sh', ['-c', ready, join(mountpoint, 'live/a/ready')]);
  const followed = { stderr: expect.stringContaining('Too many levels of symbolic links') };
  const tryIn = async (place: string): Promise<void> => {
    const directory = join(mountpoint, place, 'a');
    for (const link of ['absolute', 'inside', 'directory/victim']) {
      await expect(run('cat', [join(directory, link)])).rejects.toMatchObject(followed);
    }
    expect((await run('readlink', [join(directory, 'absolute')])).stdout).toBe(`${victim}\n`);
  };
  await tryIn('live');
  const append = ['-c', 'echo theirs >> "$0"', join(mountpoint, 'live/a/absolute')];
  await expect(run('sh', append)).rejects.toThrow();
  expect(readFileSync(victim, 'utf8')).toBe('mine\n');
  writeFileSync(go, '');
  expect((await cli.run('wait', 'a')).code).toBe(0);
  await tryIn('archive');
  // The way to the mount may lead over links: they are not in it.
  symlinkSync(mountpoint, join(cli.base, 'link'));
  expect((await run('cat', [join(cli.base, 'link/archive/a/f')])).stdout).toBe('x\n');
});

test('a plain user has it, or is told that this machine’s fusermount3 cannot', async () => {
  const cli = newCli({ user: 'plain' });
  await cli.run('init');
  const mountpoint = join(cli.base, 'mount');
  const { code, stderr } = await cli.run('mount', '--nosymfollow', mountpoint);
  if (code === 0) {
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toMatch(
      new RegExp(`${mountpoint} \\S*nosymfollow`),
    );
    return;
  }
  expect(stderr).toContain('with --nosymfollow');
  expect(stderr).toContain('fusermount3 that knows it');
  expect(isMountpoint(mountpoint)).toBe(false);
});

test('the driver that cannot says so', async () => {
  const cli = newCli();
  await cli.run('init');
  const args = ['mount', '--nosymfollow', '--driver', 'libfuse', join(cli.base, 'mount')];
  const { code, stderr } = await cli.run(...args);
  expect(code).toBe(2);
  expect(stderr).toContain("'--driver kernel' can");
});
