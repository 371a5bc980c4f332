import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AT, removeTree } from '../../src/sys/index.ts';
import { type MountedStore, openMount, variants } from '../support/mount.ts';
import { identityChecks } from './posix/identities.ts';

const PROGRAM = join(import.meta.dirname, 'posix/run-checks.ts');
const names = Object.keys(identityChecks);
/** The fuse-native package does not say who asks: docs/mounting.md. */
const LIBFUSE_SHORTFALLS: ReadonlySet<string> = new Set([
  'in a sticky directory only owners remove and rename',
  'what a user makes is theirs, in a setgid directory its group is the directory’s',
  'changing a file takes set-id bits away, unless root does it',
  'set-group-id without execution by the group stays for members alone',
  'chown to nobody at all moves ctime alone',
  'an access control list lets in whom it names',
  'who changes an access list and is not of the group takes setgid away',
]);
type Failures = Readonly<Record<string, string>>;

// Only root can be everybody.
describe.runIf(process.geteuid?.() === 0)('several users', () => {
  describe('on a native directory', () => {
    const directory = mkdtempSync(join(tmpdir(), 'taskfs-'));
    let failures: Failures = {};
    beforeAll(async () => {
      chmodSync(directory, 0o755);
      const { stdout } = await promisify(execFile)(process.execPath, [
        PROGRAM,
        directory,
        'identities',
      ]);
      failures = JSON.parse(stdout);
    });
    afterAll(() => removeTree(AT.FDCWD, directory));
    test.each(names)('%s', (name) => {
      expect(failures[name]).toBeUndefined();
    });
  });

  describe.each(variants.filter(({ user }) => user === 'root'))(
    'in live/ of a mount that lets others in ($name)',
    (variant) => {
      let mount: MountedStore;
      let failures: Failures = {};
      beforeAll(async () => {
        const options = { ...variant.options, allowOther: true };
        mount = await openMount({ ...variant, options });
        const live = join(mount.mountpoint, 'live/one');
        await mount.run('chmod', ['755', live]);
        failures = JSON.parse(await mount.run(process.execPath, [PROGRAM, live, 'identities']));
      });
      afterAll(() => mount?.close());
      const shortfalls =
        variant.options.driver === 'libfuse' ? LIBFUSE_SHORTFALLS : new Set<string>();
      test.each(names.filter((name) => !shortfalls.has(name)))('%s', (name) => {
        expect(failures[name]).toBeUndefined();
      });
      test.each([...shortfalls])('known shortfall: %s', (name) => {
        expect(failures[name]).toBeDefined();
      });
    },
  );
});
