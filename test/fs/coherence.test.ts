import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openMount, variants } from '../support/mount.ts';
import { until } from '../support/until.ts';

const PROGRAM = join(import.meta.dirname, 'coherence-program.ts');
/** With TASKFS_LONG=1 a hundred times as many. */
const RUNS = process.env.TASKFS_LONG ? 2000 : 20;
const LIMIT_MS = process.env.TASKFS_LONG ? 1_800_000 : 120_000;

// libfuse renames an unlinked open file to .fuse_hidden…, which then shows; see docs/mounting.md.
const coherent = variants.filter(({ options }) => options.driver === 'kernel');

describe.each(coherent)('changes from both sides ($name)', (variant) => {
  test(
    `${RUNS} random histories look the same through the mount as on a plain directory`,
    async () => {
      const mount = await openMount(variant);
      onTestFinished(() => mount.close());
      const reference = join(mount.base, 'reference');
      await mount.run('mkdir', [reference]);
      const seed = Math.trunc(Math.random() * 2 ** 31);
      const directories = [join(mount.store.staging, 'one'), join(mount.mountpoint, 'live/one')];
      const args = [PROGRAM, ...directories, reference, String(RUNS), String(seed)];
      expect(await mount.run(process.execPath, args, { timeout: LIMIT_MS })).toBe('equal');
    },
    LIMIT_MS + 30_000,
  );
});

/** Appends as fcntl(2) says, to a file that grows beneath. */
const APPEND_AS_TOLD = `
import fcntl, os, sys
live, beneath = sys.argv[1:]
fd = os.open(live, os.O_RDWR | os.O_CREAT)
os.write(fd, b"first ")
fcntl.fcntl(fd, fcntl.F_SETFL, os.O_RDWR | os.O_APPEND)
with open(beneath, "ab") as file: file.write(b"beneath ")
os.write(fd, b"appended ")
print(open(beneath).read())`;

/** Writes in place where open(2) said to append, and fcntl(2) not to. */
const WRITE_AS_TOLD = `
import fcntl, os, sys
live, beneath = sys.argv[1:]
fd = os.open(live, os.O_RDWR | os.O_CREAT | os.O_APPEND)
os.write(fd, b"first last")
fcntl.fcntl(fd, fcntl.F_SETFL, os.O_RDWR)
os.pwrite(fd, b"FIRST", 0)
print(open(beneath).read())`;

describe.each(coherent)('appending ($name)', (variant) => {
  test('goes by what fcntl(2) said last, and by the real end', async () => {
    const mount = await openMount(variant);
    onTestFinished(() => mount.close());
    const paths = [`${mount.mountpoint}/live/one/file`, `${mount.store.staging}/one/file`];
    const appended = await mount.run('/usr/bin/python3', ['-c', APPEND_AS_TOLD, ...paths]);
    expect(appended).toBe('first beneath appended \n');
    await mount.run('rm', paths.slice(0, 1));
    const written = await mount.run('/usr/bin/python3', ['-c', WRITE_AS_TOLD, ...paths]);
    expect(written).toBe('FIRST last\n');
  });
});

describe.each(variants)('tail -f ($name)', (variant) => {
  test('follows what is written beneath, into a file that it opened before', async () => {
    const mount = await openMount(variant);
    onTestFinished(() => mount.close());
    const beneath = join(mount.store.staging, 'one/log');
    await mount.run('sh', ['-c', 'echo first > "$0"', beneath]);
    let seen = '';
    const follower = mount.start('tail', [
      '-n',
      '+1',
      '-f',
      join(mount.mountpoint, 'live/one/log'),
    ]);
    onTestFinished(() => void follower.kill('SIGKILL'));
    follower.stdout?.on('data', (text) => {
      seen += text;
    });
    await until('the first line', () => seen.includes('first\n'));
    const fd = openSync(beneath, 'a');
    for (let at = 0; at < 3; at++) {
      writeSync(fd, `line ${at}\n`);
      await until(`line ${at}`, () => seen.includes(`line ${at}\n`));
    }
    closeSync(fd);
    expect(seen).toBe('first\nline 0\nline 1\nline 2\n');
  });
});
