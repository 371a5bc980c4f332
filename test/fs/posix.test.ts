import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AT, removeTree } from '../../src/sys/index.ts';
import { type MountedStore, openMount, variants } from '../support/mount.ts';
import { attributeChecks } from './posix/attributes.ts';
import { fileChecks } from './posix/files.ts';
import { nameChecks } from './posix/names.ts';

const PROGRAM = join(import.meta.dirname, 'posix/run-checks.ts');
const names = Object.keys({ ...nameChecks, ...fileChecks, ...attributeChecks });

/** What the fuse-native package cannot do, by check; docs/mounting.md says the same in words. */
const LIBFUSE_SHORTFALLS: ReadonlySet<string> = new Set([
  'names that are no UTF-8 keep their bytes',
  'RENAME_NOREPLACE refuses an existing name',
  'RENAME_EXCHANGE swaps a file and a directory',
  'an unlinked open file can be read, written, truncated; nlink is 0',
  'SEEK_DATA and SEEK_HOLE find holes',
  'fallocate reserves, and punches holes',
  'O_TMPFILE makes a file without a name, and linking gives it one',
  'times in nanoseconds, one left out, one taken from the clock',
  'times before 1970',
  'writing moves mtime and ctime, chmod moves ctime only',
]);

type Failures = Readonly<Record<string, string>>;

describe('on a native directory', () => {
  const directory = mkdtempSync(join(tmpdir(), 'taskfs-'));
  let failures: Failures = {};
  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, directory]);
    failures = JSON.parse(stdout);
  });
  afterAll(() => removeTree(AT.FDCWD, directory));
  test.each(names)('%s', (name) => {
    expect(failures[name]).toBeUndefined();
  });
});

describe.each(variants)('in live/ ($name)', (variant) => {
  let mount: MountedStore;
  let failures: Failures = {};
  beforeAll(async () => {
    mount = await openMount(variant);
    const live = join(mount.mountpoint, 'live/one');
    failures = JSON.parse(await mount.run(process.execPath, [PROGRAM, live]));
  });
  afterAll(() => mount?.close());
  const shortfalls = variant.options.driver === 'libfuse' ? LIBFUSE_SHORTFALLS : new Set<string>();
  test.each(names.filter((name) => !shortfalls.has(name)))('%s', (name) => {
    expect(failures[name]).toBeUndefined();
  });
  test.each([...shortfalls])('known shortfall: %s', (name) => {
    expect(failures[name]).toBeDefined();
  });
});
