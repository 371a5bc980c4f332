import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type Cli, launcher, newCli } from '../support/cli.ts';
import { isMountpoint } from '../support/mount.ts';
import { until } from '../support/until.ts';

const isRoot = process.geteuid?.() === 0;
const SHORT = ['--idle-timeout', '1s'];

/** Commands by which a program uses a mount until it ends, each in a way of its own. */
const plainUses = { file: 'exec 3<"$M/live/t/f"', directory: 'cd "$M/archive/a"' };
const rootUses = { ...plainUses, mount: 'mount -t tmpfs none "$M/live/t/d"' };
/** Tried again where the mount went before it was used. */
const USE = `until eval "$USE" 2>/dev/null
do "$T" mount ${SHORT.join(' ')} "$M" >/dev/null 2>&1; done
echo in; read -r _; cd /; ! mountpoint -q "$M/live/t/d" || umount -l "$M/live/t/d"`;

/** Whatever state a test was left in. */
const CLEAR = 'umount -l "$M/live/t/d" 2>/dev/null; "$T" unmount "$M"';

it('is unmounted once nobody uses it, and never before, as root and as a plain user', async () => {
  const plain = newCli({ user: 'plain' });
  const root = isRoot ? newCli() : undefined;
  await Promise.all([
    staysWhileUsed(plain, plainUses, []),
    // As root the task's files are a mount of their own, which stays too.
    root && staysWhileUsed(root, rootUses, ['live/t', 'archive']),
  ]);
});

async function staysWhileUsed(
  cli: Cli,
  uses: Readonly<Record<string, string>>,
  within: readonly string[],
): Promise<void> {
  await cli.run('run', '--name', 'a', '--', 'true');
  const script = 'cd "$TASKFS_ARTIFACTS"; mkdir d; echo hi > f; exec sleep 600';
  await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', script);
  await until('f is there', async () => (await cli.run('cat', 't', 'f')).stdout === 'hi\n');
  const used = await Promise.all(
    Object.entries(uses).map(async ([way, use]) => {
      const mountpoint = join(cli.base, way);
      const names = [`M=${mountpoint}`, `T=${launcher}`, `USE=${use}`];
      const user = cli.spawn('env', ...names, 'bash', '-c', USE);
      onTestFinished(async () => void (await cli.script(CLEAR, { M: mountpoint })));
      await once(user.stdout, 'data');
      return { mountpoint, user };
    }),
  );
  // One that is not used, begun last: when it has gone, the others had their time as well.
  const unused = join(cli.base, 'unused');
  expect(await cli.run('mount', '--foreground', ...SHORT, unused)).toMatchObject({ code: 0 });
  expect(isMountpoint(unused)).toBe(false);
  for (const { mountpoint, user } of used) {
    const all = [mountpoint, ...within.map((name) => join(mountpoint, name))];
    expect(all.filter(isMountpoint)).toEqual(all);
    user.stdin.end('\n');
    await once(user, 'exit');
  }
  await until('all are unmounted', () => !used.some(({ mountpoint }) => isMountpoint(mountpoint)));
  expect(await cli.json('status', 't', '--json')).toMatchObject({ status: 'running' });
}

it('refuses a time in which nobody could use it', async () => {
  const cli = newCli();
  const mountpoint = join(cli.base, 'm');
  mkdirSync(mountpoint);
  expect(await cli.run('mount', '--idle-timeout', '5ms', mountpoint)).toMatchObject({ code: 2 });
  const libfuse = ['--driver', 'libfuse', '--idle-timeout', '10m'];
  expect(await cli.run('mount', ...libfuse, mountpoint)).toMatchObject({ code: 2 });
});
