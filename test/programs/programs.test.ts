import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAttached, type MountedStore, openMount, variants } from '../support/mount.ts';
import { scripts } from './scripts.ts';

const LIMIT_MS = 120_000;

const isThere = (program: string): boolean =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .some((directory) => existsSync(join(directory, program)));

// Through FUSE, root is served as a plain user is.
const tried = variants.filter(({ name }) => name !== 'kernel, root');

describe.each(tried)('in live/ ($name)', (variant) => {
  let mount: MountedStore;
  beforeAll(async () => {
    mount = await openMount(variant);
  });
  afterAll(() => mount?.close());

  test.each(scripts)(
    '$name',
    async ({ name, needs, script, libfuseShortfall, mapsShared }) => {
      const missing = needs.filter((program) => !isThere(program));
      expect(missing, 'programs to install').toEqual([]);
      const work = `w${scripts.findIndex((one) => one.name === name)}`;
      const native = join(mount.base, 'native', work);
      const live = join(mount.mountpoint, 'live/one', work);
      const [meant, shown] = await Promise.all(
        [native, live].map((cwd) => outputOf(mount, script, cwd)),
      );
      expect(meant).not.toMatch(/^failed/);
      if (variant.options.driver === 'libfuse' && libfuseShortfall) {
        expect(shown, `libfuse: ${libfuseShortfall}`).not.toBe(meant);
      } else if (mapsShared && variant.options.driver === 'kernel' && !isAttached(variant)) {
        expect(shown).toMatch(/^failed/);
      } else {
        expect(shown).toBe(meant);
      }
    },
    LIMIT_MS,
  );
});

/** What a script prints, or how it failed. */
async function outputOf(mount: MountedStore, script: string, cwd: string): Promise<string> {
  await mount.run('mkdir', ['-p', cwd]);
  return mount
    .run('bash', ['-euc', script], { cwd, timeout: LIMIT_MS })
    .catch((error) => `failed: ${error.stderr}${error.stdout}`);
}
