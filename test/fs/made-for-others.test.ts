import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isAttached, openMount, variants } from '../support/mount.ts';

const PROGRAM = join(import.meta.dirname, 'made-for-others.py');
const SECONDS = 2;
const TIMES = 12;

// Only root makes files for others; the fuse-native package does not say who asks.
const maker = variants.filter(
  (variant) =>
    variant.user === 'root' && variant.options.driver === 'kernel' && !isAttached(variant),
);

test.each(maker)(
  'what is put in the place of a file while that is made stays its owner’s ($name)',
  async (variant) => {
    const mount = await openMount({
      ...variant,
      options: { ...variant.options, allowOther: true },
    });
    onTestFinished(() => mount.close());
    const staging = join(mount.store.staging, 'one');
    chmodSync(staging, 0o711);
    mkdirSync(join(staging, 'open'));
    chmodSync(join(staging, 'open'), 0o777);
    const victim = join(staging, 'victim');
    writeFileSync(victim, 'root only', { mode: 0o600 });
    const live = join(mount.mountpoint, 'live/one/open');
    const made = await mount.run('python3', [
      ...[PROGRAM, victim, join(staging, 'open'), live, String(SECONDS), String(TIMES)],
    ]);
    expect(Number(made)).toBeGreaterThanOrEqual(TIMES);
    const { uid, gid, mode } = statSync(victim);
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ uid: 0, gid: 0, mode: 0o600 });
    expect(readdirSync(staging).sort()).toEqual(['open', 'victim']);
  },
);
