import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

/** Attributes that only a mount may tell of a task, carried along by copies. */

const run = promisify(execFile);

/** The task's own name, as the mount tells it, of each path. */
const OWNER = 'for f; do getfattr -n user.taskfs.task --only-values "$f"; echo; done';

/** Each fails where one of its copies does; all copy archive/one into live/two. */
const COPIES = `set -e; cd "$1"
cp -a archive/one live/two/cp
tar --xattrs -C archive -cf - one | tar --xattrs --xattrs-include='user.*' -C live/two -xf -
cp -a archive/one "$2/outside" && setfattr -n user.taskfs.task -v one "$2/outside/f"
mv "$2/outside" live/two/mv
if command -v rsync >/dev/null; then rsync -aX archive/one/ live/two/rsync/; fi
cd live/two && touch direct
setfattr -n user.taskfs.task -v one direct && setfattr -n user.taskfs.foo -v x direct
setfattr -n user.taskfs.task -v one . && setfattr -x user.taskfs.task direct`;

const TASK = `
until [ -e "$TASKFS_ARTIFACTS/go" ]; do sleep 0.05; done
cd "$TASKFS_ARTIFACTS" && touch own && setfattr -n user.taskfs.task -v other own .
setfattr -n user.taskfs.sha256 -v 00 own && setfattr -n user.taskfs.a.b -v x own
setfattr -n user.mine -v kept own`;

test('they are taken and dropped, never sealed, and the task’s own are told', async () => {
  const cli = newCli();
  await cli.run('init');
  const mountpoint = join(cli.base, 'mount');
  expect((await cli.run('mount', '--live', 'fuse', mountpoint)).code).toBe(0);
  const script = 'cd "$TASKFS_ARTIFACTS" && echo x > f && mkdir d';
  await cli.run('run', '--name', 'one', '--', 'sh', '-c', script);
  await cli.run('run', '-d', '--name', 'two', '--', 'sh', '-c', TASK);
  await until('it runs', async () => (await cli.run('path', 'two')).code === 0);
  await run('sh', ['-c', COPIES, 'sh', mountpoint, cli.base]);
  const live = join(mountpoint, 'live/two');
  const copied = ['cp/f', 'cp/d', 'one/f', 'mv/f', 'direct', '.'];
  const owners = async (top: string, paths: readonly string[]): Promise<string[]> => {
    const args = ['-c', OWNER, 'sh', ...paths.map((path) => join(top, path))];
    return (await run('sh', args)).stdout.trim().split('\n');
  };
  expect(await owners(live, copied)).toEqual(copied.map(() => 'two'));
  const unknown = ['-x', 'user.taskfs.foo', join(live, 'direct')];
  await expect(run('setfattr', unknown)).rejects.toThrow('No such attribute');
  await run('touch', [join(live, 'go')]);
  expect((await cli.run('wait', 'two')).code).toBe(0);

  const archived = join(mountpoint, 'archive/two');
  const sealed = [...copied, 'own'];
  expect(await owners(archived, sealed)).toEqual(sealed.map(() => 'two'));
  const hash = ['-n', 'user.taskfs.sha256', '--only-values', join(archived, 'own')];
  expect((await run('getfattr', hash)).stdout).toHaveLength(64);
  const carried = await run('getfattr', ['-R', '-d', '-m', '-', join(archived, 'own')]);
  expect(carried.stdout).toContain('user.mine="kept"');
  expect(carried.stdout).not.toContain('taskfs.');
  const exported = join(cli.base, 'exported');
  expect((await cli.run('export', 'two', exported)).code).toBe(0);
  const found = await run('getfattr', ['-R', '-d', '-m', '-', exported], { cwd: cli.base });
  expect(found.stdout).toContain('user.mine="kept"');
  expect(found.stdout).not.toContain('taskfs.');
});
