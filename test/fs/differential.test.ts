import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { AT, removeTree } from '../../src/sys/index.ts';
import { isAttached, type MountVariant, openMount, variants } from '../support/mount.ts';
import { caseTitles } from './differential/all-cases.ts';

const PROGRAM = join(import.meta.dirname, 'differential/run-cases.ts');
const LIMIT_MS = 600_000;
const NOBODY = 65534;
const isRoot = process.geteuid?.() === 0;

/**
 * A mount that is its owner's alone leaves to the owner's own kernel what it does not ask about.
 */
const OWNERS_SHORTFALLS: ReadonlySet<string> = new Set([
  'making: devices: modes of the directory',
  'opening: open: a pipe, by modes, owners and users',
  'system calls: a socket that may not be written',
]);

/** Files are not mapped shared to be written, unless the mount was told to allow it. */
const UNMAPPED = 'system calls: mappings: shared, private, past the end, without a name';

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

const compared = variants.filter(({ options }) => options.driver === 'kernel');

/** What every case saw in a live directory. */
async function onMount(variant: MountVariant): Promise<Transcripts> {
  const options = { ...variant.options, allowOther: variant.user === 'root' };
  const mount = await openMount({ ...variant, options });
  try {
    const live = join(mount.mountpoint, 'live/one');
    await mount.run('chmod', ['755', live]);
    return JSON.parse(await mount.run(process.execPath, [PROGRAM, live], { timeout: LIMIT_MS }));
  } finally {
    await mount.close();
  }
}

const shown = new Map<string, Transcripts>();
const meant = new Map<MountVariant['user'], Transcripts>();

// All at once: a mount and its user take turns, and leave the other core idle.
beforeAll(async () => {
  const users = new Set(compared.map(({ user }) => user));
  await Promise.all([
    ...compared.map(async (variant) => shown.set(variant.name, await onMount(variant))),
    ...[...users].map(async (user) => meant.set(user, await onPlainDirectory(user))),
  ]);
}, LIMIT_MS);

describe.each(compared)('in live/ as on a plain directory ($name)', (variant) => {
  const { name, user } = variant;
  const served = [UNMAPPED, ...(isRoot && user === 'plain' ? OWNERS_SHORTFALLS : [])];
  const shortfalls = new Set(isAttached(variant) ? [] : served);
  test.each(caseTitles.filter((title) => !shortfalls.has(title)))('%s', (title) => {
    const lines = meant.get(user)?.[title];
    expect(lines?.length).toBeGreaterThan(0);
    expect(lines?.filter((line) => line.startsWith('threw'))).toEqual([]);
    expect(shown.get(name)?.[title]).toEqual(lines);
  });
  test.each([...shortfalls])('known shortfall: %s', (title) => {
    expect(shown.get(name)?.[title]?.length).toBeGreaterThan(0);
    expect(shown.get(name)?.[title]).not.toEqual(meant.get(user)?.[title]);
  });
});
