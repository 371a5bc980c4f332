import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AT, removeTree } from '../../src/sys/index.ts';
import { type MountedStore, type MountVariant, openMount, variants } from '../support/mount.ts';
import { caseTitles } from './differential/all-cases.ts';

const PROGRAM = join(import.meta.dirname, 'differential/run-cases.ts');
const LIMIT_MS = 600_000;
const NOBODY = 65534;
const isRoot = process.geteuid?.() === 0;

/** A mount that is its owner's alone leaves to the owner's own kernel what it does not ask about. */
const OWNERS_SHORTFALLS: ReadonlySet<string> = new Set([
  'making: devices: modes of the directory',
  'opening: open: a pipe, by modes, owners and users',
  'system calls: a socket that may not be written',
]);

type Transcripts = Readonly<Record<string, readonly string[]>>;

/** What every case saw on a plain directory, as the user who uses the mount. */
async function onPlainDirectory(user: MountVariant['user']): Promise<Transcripts> {
  const directory = mkdtempSync(join(tmpdir(), 'taskfs-'));
  const ids = isRoot && user === 'plain' ? { uid: NOBODY, gid: NOBODY } : {};
  chmodSync(directory, 0o755);
  if (ids.uid) chownSync(directory, ids.uid, ids.gid);
  try {
    const options = { ...ids, maxBuffer: 2 ** 26, timeout: LIMIT_MS };
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, directory], options);
    return JSON.parse(stdout);
  } finally {
    removeTree(AT.FDCWD, directory);
  }
}

// Without passthrough, root is served as with it but for reads and writes: in the long form only.
const compared = variants.filter(
  ({ options }) =>
    options.driver === 'kernel' &&
    (options.passthrough !== false || process.env.TASKFS_LONG !== undefined),
);

describe.each(compared)('in live/ as on a plain directory ($name)', (variant) => {
  let mount: MountedStore;
  let shown: Transcripts = {};
  let meant: Transcripts = {};
  beforeAll(async () => {
    const options = { ...variant.options, allowOther: variant.user === 'root' };
    mount = await openMount({ ...variant, options });
    const live = join(mount.mountpoint, 'live/one');
    await mount.run('chmod', ['755', live]);
    const run = mount.run(process.execPath, [PROGRAM, live], { timeout: LIMIT_MS });
    [shown, meant] = await Promise.all([
      run.then((text) => JSON.parse(text) as Transcripts),
      onPlainDirectory(variant.user),
    ]);
  }, LIMIT_MS);
  afterAll(() => mount?.close());

  const shortfalls = variant.user === 'plain' && isRoot ? OWNERS_SHORTFALLS : new Set<string>();
  test.each(caseTitles.filter((title) => !shortfalls.has(title)))('%s', (title) => {
    expect(meant[title]?.length).toBeGreaterThan(0);
    expect(meant[title]?.filter((line) => line.startsWith('threw'))).toEqual([]);
    expect(shown[title]).toEqual(meant[title]);
  });
  test.each([...shortfalls])('known shortfall: %s', (title) => {
    expect(shown[title]).not.toEqual(meant[title]);
  });
});
