import { execFile } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { newCli } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const execute = promisify(execFile);

const isRoot = process.getuid?.() === 0;
const hasBtrfs = readFileSync('/proc/filesystems', 'utf8').includes('btrfs');

/**
 * A btrfs of its own with a subvolume that has a quota; its path, and how the quota is changed.
 */
async function quotaDirectory(limit: string) {
  const base = temporaryDirectory();
  const image = join(base, 'image');
  const disk = join(base, 'disk');
  writeFileSync(image, '');
  truncateSync(image, 300 * 1024 ** 2);
  await mkdir(disk);
  await execute('mkfs.btrfs', ['-q', image]);
  await execute('mount', ['-o', 'loop', image, disk]);
  onTestFinished(async () => {
    await execute('umount', ['-l', disk]);
  });
  const path = join(disk, 'limited');
  const setLimit = (size: string) => execute('btrfs', ['qgroup', 'limit', size, path]);
  await execute('btrfs', ['quota', 'enable', disk]);
  await execute('btrfs', ['subvolume', 'create', path]);
  await setLimit(limit);
  return { path, setLimit };
}

it.runIf(isRoot && hasBtrfs)(
  'a quota that a task uses up costs neither its exit code nor its files (needs root and btrfs)',
  async () => {
    const { path, setLimit } = await quotaDirectory('18M');
    const cli = newCli({ store: join(path, 'store') });
    const fill =
      'dd if=/dev/urandom of="$TASKFS_ARTIFACTS/big" bs=1M count=40 conv=fsync 2>/dev/null; ' +
      'echo said; exit 7';
    const { stdout, stderr } = await cli.run('run', '--name', 'one', '--', 'sh', '-c', fill);
    expect(stdout).toBe('said\n');
    expect(stderr).toContain('disk quota exceeded');
    expect(stderr).not.toMatch(/unknown|not expected/i);
    expect(await cli.json('status', '--json', 'one')).toMatchObject({
      status: 'failed',
      reasonKind: 'exit',
      exitCode: 7,
      artifacts: 'kept',
      sealError: expect.stringMatching(/EDQUOT|quota/),
    });
    await setLimit('80M');
    expect(await cli.json('recover', '--json')).toMatchObject([{ task: 'one', outcome: 'sealed' }]);
    expect(await cli.json('status', '--json', 'one')).toMatchObject({ exitCode: 7 });
  },
  60_000,
);
