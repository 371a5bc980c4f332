import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type MountedStore, openMount, variants } from '../support/mount.ts';

const isLong = process.env.TASKFS_LONG === '1';
const ROUNDS = isLong ? 400 : 12;
const LIMIT_MS = isLong ? 1_800_000 : 110_000;
const support = (name: string): string => join(import.meta.dirname, '../support', name);

interface Seen {
  readonly counts: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
}

/** Two readers and the process that seals: none of them is the server of the mount. */
async function sealUnderReaders(mount: MountedStore): Promise<Seen[]> {
  const { base, store, mountpoint } = mount;
  const seen = join(base, 'seen');
  await mount.run('mkdir', ['-p', seen]);
  const start = (name: string, args: readonly string[], last: readonly string[] = []) => {
    const all = [support(name), ...args, String(ROUNDS), ...last];
    const child = mount.start(process.execPath, all);
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };
  const names = ['one', 'two'];
  const readers = names.map((name) =>
    start('commit-reader-program.ts', [mountpoint, store.staging, seen, name]),
  );
  const attached = mount.live.mode === 'attach' ? [join(mountpoint, 'live')] : [];
  const sealer = start('commit-sealer-program.ts', [store.path, seen, names.join()], attached);
  const ended = once(sealer, 'exit');
  const outputs = await Promise.all(readers.map(({ stdout }) => text(stdout as Readable)));
  const reports = outputs.map((output) => JSON.parse(output) as Seen);
  for (const { wrong } of reports) expect(wrong).toEqual([]);
  expect(await ended).toEqual([0, null]);
  return reports;
}

describe.each(variants)('whoever reads while tasks are sealed ($name)', (variant) => {
  test(
    'sees each whole in live/, then whole in archive/, never in both, in neither, or in part',
    async () => {
      const mount = await openMount(variant);
      onTestFinished(() => mount.close());
      for (const { counts } of await sealUnderReaders(mount)) {
        expect(counts.moved).toBe(ROUNDS);
        // At least once before it may be sealed, when it first was, and at the end.
        expect(counts.live).toBeGreaterThanOrEqual(ROUNDS);
        expect(counts.archived).toBeGreaterThanOrEqual(2 * ROUNDS);
        expect((counts.heldFiles ?? 0) + (counts.lostFiles ?? 0)).toBe(2 * ROUNDS);
        if (variant.options.driver === 'kernel') expect(counts.lostFiles).toBe(0);
        expect(counts.heldDirectories).toBe(6 * ROUNDS);
      }
    },
    LIMIT_MS,
  );
});
