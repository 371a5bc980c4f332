import { execFile } from 'node:child_process';
import { readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { newCli } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const execute = promisify(execFile);

const isRoot = process.getuid?.() === 0;
const hasExt4 = readFileSync('/proc/filesystems', 'utf8').includes('\text4\n');

/** EXT4_IOC_SHUTDOWN, with EXT4_GOING_FLAGS_NOLOGFLUSH: nothing is written from now on. */
const CUT =
  'import fcntl, os, struct, sys; ' +
  'fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))';

/**
 * An ext4 of its own, and how its power is cut: afterwards
 * the disk is mounted there as the cut left it.
 */
async function newDisk() {
  const base = temporaryDirectory();
  const image = join(base, 'image');
  const disk = join(base, 'disk');
  writeFileSync(image, '');
  truncateSync(image, 64 * 1024 ** 2);
  await mkdir(disk);
  await execute('mkfs.ext4', ['-q', image]);
  const mount = (found: string) => execute('mount', ['-o', 'loop', found, disk]);
  const unmount = () => execute('umount', ['-l', disk]);
  await mount(image);
  onTestFinished(async () => {
    await unmount();
  });
  const cutPower = async (): Promise<void> => {
    await execute('python3', ['-c', CUT, disk]);
    await unmount();
    // A copy: where a process in another namespace has the image mounted, it stays shut down.
    await copyFile(image, `${image}.found`);
    await mount(`${image}.found`);
  };
  return { disk, cutPower };
}

it.runIf(isRoot && hasExt4)(
  'a task that has ended has its files and its log after a power cut (needs root and ext4)',
  async () => {
    const { disk, cutPower } = await newDisk();
    const cli = newCli({ store: join(disk, 'store') });
    await cli.run('init');
    // So that it comes to the cut before they are sealed.
    const signingKey = join(cli.store, 'keys', 'signing.key');
    renameSync(signingKey, `${signingKey}.away`);
    const write = (count: number): string =>
      'cd "$TASKFS_ARTIFACTS" && mkdir deep && ' +
      `for i in $(seq ${count}); do echo "content $i" > deep/$i; done; echo said`;
    const counts = { few: 3, many: 200 };
    for (const [name, count] of Object.entries(counts)) {
      await cli.run('run', '--name', name, '--', 'sh', '-c', write(count));
      const kept = { status: 'completed', artifacts: 'kept' };
      expect(await cli.json('status', '--json', name)).toMatchObject(kept);
    }

    await cutPower();
    renameSync(`${signingKey}.away`, signingKey);
    await cli.json('recover', '--json');
    for (const [name, count] of Object.entries(counts)) {
      const sealed = { status: 'completed', artifacts: 'sealed' };
      expect(await cli.json('status', '--json', name)).toMatchObject(sealed);
      const copy = join(cli.base, name);
      await cli.run('export', name, copy);
      const numbers = Array.from({ length: count }, (_, index) => index + 1);
      const found = numbers.map((number) => readFileSync(join(copy, 'deep', `${number}`), 'utf8'));
      expect(found).toEqual(numbers.map((number) => `content ${number}\n`));
      expect((await cli.run('logs', name)).stdout).toBe('said\n');
    }
  },
);
