/**
 * Every number that a file system holds comes back as it was; what an archive cannot hold keeps the
 * task.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AT, removeTree, statAt } from '../../src/sys/index.ts';
import { type Cli, newCli } from '../support/cli.ts';

/** tmpfs keeps every time of 64-bit seconds and every size of 63 bits. */
const MEMORY = '/dev/shm';
const hasMemory = (() => {
  try {
    accessSync(MEMORY, constants.W_OK);
    return true;
  } catch {
    return false;
  }
})();

function cliInMemory(): Cli & { readonly directory: string } {
  const directory = mkdtempSync(join(MEMORY, 'taskfs-'));
  onTestFinished(() => removeTree(AT.FDCWD, directory));
  return { ...newCli({ store: join(directory, 'store') }), directory };
}

/** Names, and what touch -d makes of them. */
const TIMES = {
  'after 64-bit nanoseconds': '2300-01-01 00:00:00.123456789',
  'before 64-bit nanoseconds': '1600-01-01 00:00:00.123456789',
  'just before 1970': '@-0.000000001',
  'with a fraction long ago': '@-99999999999.5',
  'after five digits of years': '@100000000000000',
  last: '@9223372036854775807.999999999',
  first: '@-9223372036854775808',
};
const NAMES = Object.keys(TIMES);
const SCRIPT = `cd "$TASKFS_ARTIFACTS" && mkdir directory && ln -s nowhere link
  ${Object.entries(TIMES)
    .map(([name, time]) => `touch -d '${time} ${time.startsWith('@') ? '' : 'UTC'}' '${name}'`)
    .join('\n')}
  touch -h -d @99999999999 link; touch -d @-99999999999 directory`;

const timesIn = (directory: string): string[] =>
  [...NAMES, 'directory', 'link'].map((name) => {
    const { atimeNs, mtimeNs } = statAt(AT.FDCWD, join(directory, name));
    return `${name}: ${atimeNs} ${mtimeNs}`;
  });

const needsMemory = hasMemory ? '' : ` (skipped: there is no ${MEMORY} to write to)`;

test.skipIf(!hasMemory)(
  `times before 1677 and after 2262 survive sealing, mount, export, reindex, tar${needsMemory}`,
  async () => {
    const cli = cliInMemory();
    const reference = join(cli.directory, 'reference');
    mkdirSync(reference);
    execFileSync('sh', ['-c', SCRIPT], { env: { ...process.env, TASKFS_ARTIFACTS: reference } });
    const expected = timesIn(reference);
    expect(expected[0]).toContain('10413792000123456789');

    const ran = await cli.run('run', '--name', 'far', '--', 'sh', '-c', SCRIPT);
    expect(ran.code, ran.stderr).toBe(0);
    const out = join(cli.directory, 'out');
    expect(await cli.run('export', 'far', out)).toMatchObject({ code: 0 });
    expect(timesIn(out)).toEqual(expected);

    const listed = await cli.json<{ path: string; mtime: string }[]>('ls', 'far', '--json');
    const shown = new Map(listed.map(({ path, mtime }) => [path, mtime]));
    expect(shown.get('after 64-bit nanoseconds')).toBe('2300-01-01T00:00:00.123Z');
    expect(shown.get('before 64-bit nanoseconds')).toBe('1600-01-01T00:00:00.123Z');
    expect(shown.get('just before 1970')).toBe('1969-12-31T23:59:59.999Z');

    rmSync(join(cli.store, 'archive/far/index.enc'));
    expect(await cli.run('reindex', 'far')).toMatchObject({ code: 0 });
    expect(await cli.run('verify', '--deep')).toMatchObject({ code: 0 });
    const again = join(cli.directory, 'again');
    expect(await cli.run('export', 'far', again)).toMatchObject({ code: 0 });
    expect(timesIn(again)).toEqual(expected);
  },
);

test.skipIf(!hasMemory)(`the same through a mount, live and archived${needsMemory}`, async () => {
  const cli = cliInMemory();
  const mountpoint = join(cli.directory, 'mount');
  mkdirSync(mountpoint);
  await cli.run('init');
  expect(await cli.run('mount', mountpoint)).toMatchObject({ code: 0 });
  onTestFinished(async () => void (await cli.run('unmount', mountpoint)));
  // The times are set through the mount, by utimensat(2) on FUSE.
  const script = `TASKFS_ARTIFACTS=${mountpoint}/live/$TASKFS_TASK; ${SCRIPT}`;
  const ran = await cli.run('run', '--name', 'far', '--', 'sh', '-c', script);
  expect(ran.code, ran.stderr).toBe(0);
  const reference = join(cli.directory, 'reference');
  mkdirSync(reference);
  execFileSync('sh', ['-c', SCRIPT], { env: { ...process.env, TASKFS_ARTIFACTS: reference } });
  expect(timesIn(join(mountpoint, 'archive/far'))).toEqual(timesIn(reference));
});

test.skipIf(!hasMemory)(
  `a sparse file beyond 2^53 bytes keeps its task, which is sealed once it is gone${needsMemory}`,
  async () => {
    const cli = cliInMemory();
    const script = `cd "$TASKFS_ARTIFACTS" && mkdir d && echo ok > d/ok
      truncate -s 9007199254740991 most
      truncate -s 9007199254740992 d/huge`;
    const ran = await cli.run('run', '--name', 'huge', '--', 'sh', '-c', script);
    expect(ran.stderr).toContain('"d/huge" has 9007199254740992 bytes');
    expect(ran.stderr).not.toContain('not expected');
    expect(await cli.json('status', 'huge', '--json')).toMatchObject({ artifacts: 'kept' });
    truncateSync(join(cli.store, 'staging/huge/d/huge'), 1);
    expect(await cli.run('recover')).toMatchObject({ code: 0 });
    expect(await cli.run('cat', 'huge', 'd/ok')).toMatchObject({ code: 0, stdout: 'ok\n' });
    const [most] = await cli.json<object[]>('ls', 'huge', 'most', '--json');
    expect(most).toMatchObject({ size: 9_007_199_254_740_991 });
    expect(await cli.run('verify', '--deep')).toMatchObject({ code: 0 });
  },
);
