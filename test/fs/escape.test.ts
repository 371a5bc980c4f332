import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openMount, variants } from '../support/mount.ts';
import { until } from '../support/until.ts';

const HOSTILE = join(import.meta.dirname, 'escape-program.ts');
const CLIENT = join(import.meta.dirname, 'escape-client.ts');

/**
 * The whole form runs for 30 s a driver, with TASKFS_LONG=1; here it is a few seconds of the same.
 */
const RACE_MS = process.env.TASKFS_LONG ? 30_000 : 4_000;
const SERVER_ANSWERS_MS = 5_000;

describe.each(variants)(`a race of ${RACE_MS} ms against staging ($name)`, (variant) => {
  test(
    'reads and changes nothing outside, and never blocks the server',
    async (context) => {
      const mount = await openMount(variant);
      onTestFinished(() => mount.close());
      const staging = join(mount.store.staging, 'one');
      const live = join(mount.mountpoint, 'live/one');
      const outside = join(mount.base, 'outside');
      mkdirSync(outside);
      writeFileSync(join(outside, 'secret'), 'the secret');
      // As large as what the server answers without looking at it.
      writeFileSync(join(outside, 'large'), 'a secret'.repeat(16_384));
      writeFileSync(join(outside, 'only-outside'), '');
      const before = stateOf(outside);
      const hostile = mount.run(process.execPath, [HOSTILE, staging, outside, String(RACE_MS)], {
        timeout: RACE_MS * 4 + 60_000,
      });
      await until('the hostile container is at it', () => readdirSync(staging).includes('ready'));
      const client = mount.run(process.execPath, [CLIENT, live, String(RACE_MS)], {
        timeout: RACE_MS * 4 + 60_000,
      });
      await until(
        'the race is over',
        async () => {
          await mount.run('ls', [mount.mountpoint], { timeout: SERVER_ANSWERS_MS });
          return !readdirSync(staging).includes('ready');
        },
        RACE_MS * 4 + 60_000,
      );
      const [swaps, calls] = [Number(await hostile), Number(await client)];
      await context.annotate(`${swaps} swaps, ${calls} calls`);
      expect(swaps).toBeGreaterThan(1000);
      expect(calls).toBeGreaterThan(100);
      expect(stateOf(outside)).toEqual(before);
      expect(await mount.run('ls', [mount.mountpoint])).toBe('archive\nlive\nlogs\n');
    },
    RACE_MS * 6 + 120_000,
  );
});

function stateOf(directory: string): unknown {
  return readdirSync(directory).map((name) => {
    const { mode, mtimeMs, ctimeMs, size, ino } = statSync(join(directory, name));
    return {
      name,
      mode,
      mtimeMs,
      ctimeMs,
      size,
      ino,
      text: readFileSync(join(directory, name), 'utf8'),
    };
  });
}
