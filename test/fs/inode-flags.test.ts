import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isAttached, openMount, variants } from '../support/mount.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * What a script of lsattr(1) and chattr(1) says must be the same on the mount, refusals included.
 */
const SCRIPT = `
exec 2>&1
mkdir flags && cd flags && echo a > file && mkdir dir && mkfifo pipe && ln -s file link
lsattr -d . dir; lsattr file pipe link; chattr +d file pipe link
chattr +S dir; echo b > dir/below; lsattr -R
chattr +i file dir; lsattr -d file dir; echo b > file; rm file; chmod 600 file
mv file moved; ln file hard; touch dir/new; chattr -i file dir
chattr +a file; echo c > file; echo d >> file; truncate -s 0 file; rm file; cat file; chattr -a file
chattr +j file; lsattr -p file; chattr -p 7 file; lsattr -p file
chattr = file; lsattr file; rm -r dir file; ls`;

/**
 * As another user, on a file of root's and on one of their own; the last three are for root alone.
 */
const OTHERS_SCRIPT = `
exec 2>&1
lsattr roots; chattr +d roots; echo a > mine; chattr +d mine; lsattr mine
chattr +i mine; chattr +a mine; chattr +j mine; lsattr mine`;

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];

/** Why flags cannot be tried on the file system of temporary files; undefined where they can. */
function hasNoFlags(): string | undefined {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, '');
  const { status, stderr, error } = spawnSync('lsattr', [path], { encoding: 'utf8' });
  return status === 0 ? undefined : `no flags on ${path}: ${error?.message ?? stderr}`;
}

const kernel = variants.filter(({ options }) => options.driver === 'kernel');

describe.each(kernel)('flags of files in live/ ($name)', (variant) => {
  test('are told and changed as on a plain directory', async (context) => {
    const reason = hasNoFlags();
    context.skip(reason !== undefined, reason);
    const mount = await openMount(variant);
    onTestFinished(() => mount.close());
    const native = join(mount.base, 'native');
    await mount.run('mkdir', [native]);
    const outputOf = (cwd: string) => mount.run('sh', ['-c', SCRIPT], { cwd });
    const meant = await outputOf(native);
    expect(await outputOf(join(mount.mountpoint, 'live/one'))).toBe(meant);
    expect(meant).toMatch(/^-+d\S* \.\/file$/m);
  });

  test('are those of the file beneath, of which nothing else is asked', async (context) => {
    const reason = hasNoFlags();
    context.skip(reason !== undefined, reason);
    const mount = await openMount(variant);
    onTestFinished(() => mount.close());
    const live = join(mount.mountpoint, 'live/one');
    await mount.run('sh', ['-c', 'echo a > file && chattr +d file'], { cwd: live });
    const staging = join(mount.store.staging, 'one');
    const [shown, meant] = await Promise.all(
      [live, staging].map((cwd) => mount.run('lsattr', ['-v', 'file'], { cwd })),
    );
    expect(shown).toBe(meant);
    // FS_IOC_GETFSLABEL, which the file system beneath answers.
    const ask =
      'import fcntl,errno\ntry: fcntl.ioctl(open("file"), 0x81009431, bytes(256)); ' +
      'print("told")\nexcept OSError as e: print(errno.errorcode[e.errno])';
    expect(await mount.run('/usr/bin/python3', ['-c', ask], { cwd: live })).toBe(
      isAttached(variant) ? 'told\n' : 'ENOTTY\n',
    );
    const tops = ['live', 'archive', 'logs'].map((name) => join(mount.mountpoint, name));
    const told = await mount.run('sh', ['-c', 'lsattr -d "$@" 2>&1; true', 'sh', ...tops]);
    expect(told.match(/not supported/g)).toHaveLength(3);
  });

  test.runIf(variant.user === 'root')('are changed by who may', async (context) => {
    const reason = hasNoFlags();
    context.skip(reason !== undefined, reason);
    const options = { ...variant.options, allowOther: true };
    const mount = await openMount({ ...variant, options });
    onTestFinished(() => mount.close());
    const native = join(mount.base, 'native');
    const live = join(mount.mountpoint, 'live/one');
    mkdirSync(native);
    const outputOf = async (cwd: string): Promise<string> => {
      await mount.run('sh', ['-c', 'chmod 777 . && echo a > roots'], { cwd });
      return mount.run('sh', ['-c', '"$@"', 'sh', ...NOBODY, 'sh', '-c', OTHERS_SCRIPT], { cwd });
    };
    const meant = await outputOf(native);
    expect(await outputOf(live)).toBe(meant);
    expect(meant.match(/not permitted/g)?.length).toBeGreaterThanOrEqual(3);
  });
});
