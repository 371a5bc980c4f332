import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAttached, type MountedStore, openMount, variants } from '../support/mount.ts';

const RANDOM_OPERATIONS = join(import.meta.dirname, 'random-operations.py');
/** The system's own: one of root's first in PATH may be out of reach for a plain user. */
const PYTHON = process.geteuid?.() === 0 ? '/usr/bin/python3' : 'python3';

/** With TASKFS_LONG=1 some fifty times as much. */
const isLong = process.env.TASKFS_LONG !== undefined;
const OPERATIONS = isLong ? 100_000 : 2_000;
const SIZE = isLong ? '128m' : '2m';
const LIMIT_MS = isLong ? 1_200_000 : 120_000;

/** Ways of fio(1) to write what it then reads back and verifies. */
const JOBS: Readonly<Record<string, string>> = {
  'by call': '--ioengine=psync --rw=randrw',
  'one after the other, synced': '--ioengine=sync --rw=write --fsync=32',
  'by vectors': '--ioengine=pvsync2 --rw=randwrite',
  'by mapping': '--ioengine=mmap --rw=randrw',
  'past the cache': '--ioengine=libaio --direct=1 --iodepth=8 --rw=randrw --bsrange=4k-64k',
  'by libaio': '--ioengine=libaio --iodepth=8 --rw=randwrite',
  'by threads': '--ioengine=posixaio --iodepth=8 --rw=randrw',
};

// What is attached is the disk itself.
const kernel = variants.filter(
  (variant) => variant.options.driver === 'kernel' && !isAttached(variant),
);

describe.each(kernel)('what is written in live/ is what is read ($name)', (variant) => {
  let mount: MountedStore;
  let live: string;
  beforeAll(async () => {
    // Mappings too, which are refused otherwise.
    const options = { ...variant.options, sharedMmap: true };
    mount = await openMount({ ...variant, options });
    live = join(mount.mountpoint, 'live/one');
  });
  afterAll(() => mount?.close());

  test.each(Object.entries(JOBS))(
    'fio, %s',
    async (name, job) => {
      const files = `--name=job --directory=. --size=${SIZE} --numjobs=2 --unlink=1`;
      const how = `${files} --bsrange=512-64k`;
      const verify = '--verify=crc32c --do_verify=1 --verify_fatal=1 --output-format=json';
      const directory = join(live, `fio ${name}`);
      await mount.run('mkdir', [directory]);
      const told = await mount.run('fio', `${how} ${verify} ${job}`.split(' '), {
        cwd: directory,
        timeout: LIMIT_MS,
      });
      const jobs: { error: number; read: { total_ios: number } }[] = JSON.parse(told).jobs;
      expect(jobs.map(({ error }) => error)).toEqual([0, 0]);
      expect(Math.min(...jobs.map(({ read }) => read.total_ios))).toBeGreaterThan(10);
    },
    LIMIT_MS,
  );

  test.each([
    ['through the mount', 'alone', false],
    ['from both sides', 'shared', true],
  ])(
    `${OPERATIONS} random operations %s`,
    async (_where, name, isShared) => {
      const seed = String(Math.trunc(Math.random() * 2 ** 31));
      const beneath = isShared ? [join(mount.store.staging, 'one', name)] : [];
      const args = [RANDOM_OPERATIONS, join(live, name), seed, String(OPERATIONS), ...beneath];
      const told = await mount
        .run(PYTHON, args, { timeout: LIMIT_MS })
        .catch(({ stdout, stderr }) => `seed ${seed}: ${stdout}${stderr}`);
      expect(told).toMatch(/^allocate \d+, append \d+, /);
    },
    LIMIT_MS,
  );
});
