import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isAttached, type MountedStore, openMount, variants } from '../support/mount.ts';
import { repliesOf } from '../support/replies.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const isRoot = process.geteuid?.() === 0;
const MOUNT_PROGRAM = join(import.meta.dirname, '../support/mount-program.ts');

/** Much shorter than the cache TTL of names: what is seen sooner was invalidated. */
const SOON_MS = 10_000;

const replies = ({ pid }: MountedStore): number => repliesOf(pid);

/**
 * Stores through a mapping beneath, twice into one page, of which only the first changes a time;
 * prints what the mount says of each within so many seconds.
 */
const STORE = `
import mmap, os, sys, time
above, beneath, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
reader = os.open(above, os.O_RDONLY)
os.pread(reader, 1, 0)
writer = os.open(beneath, os.O_RDWR)
memory = mmap.mmap(writer, 0)
def shows(check):
    end = time.time() + seconds
    while not check() and time.time() < end: time.sleep(0.001)
    return check()
for byte in b'bc':
    memory[0] = byte
    print(shows(lambda: os.pread(reader, 1, 0)[0] == byte),
          shows(lambda: os.stat(above).st_mtime_ns == os.stat(beneath).st_mtime_ns))
`;

describe.each(variants.filter((one) => one.options.driver === 'kernel' && !isAttached(one)))(
  'directories at rest ($name)',
  (variant) => {
    test('cost no request, and every change beneath is seen soon after', async () => {
      const mount = await openMount(variant);
      onTestFinished(() => mount.close());
      const beneath = join(mount.store.staging, 'one/at-rest');
      const above = join(mount.mountpoint, 'live/one/at-rest');
      const sh = (script: string) => mount.run('sh', ['-ec', script, above, beneath]);
      const size = () => sh('stat -c %s "$0/file" 2>/dev/null || echo gone');
      await sh('mkdir "$1"; echo 1 > "$1/file"; : > "$1/other"; ln -s file "$1/link"');

      const statOften = 'cd "$0"; for i in $(seq 50); do stat file other > /dev/null; done';
      await until('a hundred calls of stat(2) with fewer than fifty replies', async () => {
        const before = replies(mount);
        await sh(statOften);
        return replies(mount) - before < 50;
      });

      await sh('echo 23 >> "$1/file"');
      await until('the new size', async () => (await size()) === '5\n', SOON_MS);
      await sh('mv "$1/file" "$1/moved"');
      await until('the old name to go', async () => (await size()) === 'gone\n', SOON_MS);
      await sh('ln -sfn moved "$1/link"; chmod 600 "$1/moved"');
      const shown = () => sh('readlink "$0/link"; stat -c %a "$0/moved"; ls "$0"');
      await until(
        'the rest',
        async () => (await shown()) === 'moved\n600\nlink\nmoved\nother\n',
        SOON_MS,
      );
    });

    test('have missing names cached, until they are made beneath', async () => {
      const mount = await openMount(variant);
      onTestFinished(() => mount.close());
      const beneath = join(mount.store.staging, 'one');
      const above = join(mount.mountpoint, 'live/one');
      const sh = (script: string) => mount.run('sh', ['-ec', script, above, beneath]);
      await sh('echo 1 > "$1/there"');
      const askOften = 'cd "$0"; for i in $(seq 50); do [ ! -e missing ]; done';
      await until('fifty calls of stat(2) with fewer than twenty replies', async () => {
        const before = replies(mount);
        await sh(askOften);
        return replies(mount) - before < 20;
      });
      await sh('echo 2 > "$1/missing"');
      const shown = () => sh('cat "$0/missing" 2>/dev/null || echo none');
      await until('the new file', async () => (await shown()) === '2\n', SOON_MS);
    });

    test('may be those in which the mount alone works, however busily', async () => {
      const mount = await openMount(variant);
      onTestFinished(() => mount.close());
      const beneath = join(mount.store.staging, 'one');
      const above = join(mount.mountpoint, 'live/one');
      await mount.run('sh', ['-ec', 'cd "$0"; for i in $(seq 400); do : > f$i; done', above]);
      // Right after, so that the directory cannot have come to rest. The first time it is found out
      // that nobody else has them open.
      const stat = () =>
        mount.run('sh', ['-ec', 'cd "$0"; stat -c %s $(seq -f f%g 100 399)', above]);
      await stat();
      const before = replies(mount);
      await stat();
      expect(replies(mount) - before).toBeLessThan(100);

      const sh = (script: string) => mount.run('sh', ['-ec', script, above, beneath]);
      await sh(
        'rm "$1/f300"; echo 1 > "$1/f301"; mkdir "$0/d"; mv "$0/f302" "$0/d"; rm "$1/d/f302"',
      );
      const shown = () =>
        sh('for f in f300 f301 f302 d/f302; do stat -c %s "$0/$f" 2>/dev/null || echo none; done');
      await until('what changed', async () => (await shown()) === 'none\n2\nnone\nnone\n', SOON_MS);
    });

    test('show what is stored through a mapping, though nothing reports it', async () => {
      const mount = await openMount(variant);
      onTestFinished(() => mount.close());
      const beneath = join(mount.store.staging, 'one/file');
      const above = join(mount.mountpoint, 'live/one/file');
      await mount.run('sh', ['-c', 'head -c 8192 /dev/zero > "$0"', beneath]);
      const statOften = 'cd "$0"; for i in $(seq 50); do stat -c %Y file; done';
      await until('fifty calls of stat(2) with fewer than twenty replies', async () => {
        const before = replies(mount);
        await mount.run('sh', ['-c', statOften, dirname(above)]);
        return replies(mount) - before < 20;
      });
      const seconds = String(SOON_MS / 1000);
      const printed = await mount.run('/usr/bin/python3', ['-c', STORE, above, beneath, seconds]);
      expect(printed).toBe('True True\nTrue True\n');
    });

    test('show changes to a file that is open', async () => {
      const mount = await openMount(variant);
      onTestFinished(() => mount.close());
      const beneath = join(mount.store.staging, 'one/file');
      const above = join(mount.mountpoint, 'live/one/file');
      await mount.run('sh', ['-c', 'echo 1 > "$0"', beneath]);
      // At rest for long enough to be cached, then opened, then changed: as fstat(2) sees it.
      const program = `
        const fs = require('node:fs');
        const [above, beneath] = process.argv.slice(1);
        let until = Date.now() + 3000;
        while (Date.now() < until) fs.statSync(above);
        const fd = fs.openSync(above);
        const before = fs.fstatSync(fd).size;
        fs.appendFileSync(beneath, 'more');
        until = Date.now() + ${SOON_MS};
        while (fs.fstatSync(fd).size === before && Date.now() < until);
        console.log(before, fs.fstatSync(fd).size, JSON.stringify(fs.readFileSync(fd, 'utf8')));`;
      const printed = await mount.run(process.execPath, ['-e', program, above, beneath]);
      expect(printed).toBe('2 6 "1\\nmore"\n');
    });
  },
);

// Only root may mount a file system that others see through.
test.runIf(isRoot)('a file system that is changed from elsewhere has nothing cached', async () => {
  const base = temporaryDirectory();
  const [source, view] = [join(base, 'source'), join(base, 'view')];
  for (const directory of [source, view]) mkdirSync(directory);
  const uncached = 'attr_timeout=0,entry_timeout=0,negative_timeout=0';
  await run('bindfs', ['-o', uncached, source, view]);
  onTestFinished(async () => void (await run('umount', ['-l', view])));
  const wanted = JSON.stringify({ driver: 'kernel', live: 'fuse', tasks: ['one'] });
  const { stdout } = await run(process.execPath, [MOUNT_PROGRAM, view, wanted]);
  const { mountpoint, pid } = JSON.parse(stdout) as MountedStore;
  onTestFinished(async () => {
    process.kill(pid, 'SIGTERM');
    await until('its end', () => !existsSync(`/proc/${pid}`));
  });
  // One process for all: what it sees of each change is what the next call sees.
  const script = `cd "$0"; echo 1 > "$1/file"; stat -c %s file
    end=$(($(date +%s) + 3))
    while [ $(date +%s) -lt $end ]; do stat file absent d > /dev/null 2>&1; done
    echo 123 > "$1/file"; chmod 600 "$1/file"; stat -c '%s %a' file
    mv "$1/file" "$1/absent"; stat -c %s file 2> /dev/null || echo gone; stat -c %s absent; ls`;
  const directories = [join(mountpoint, 'live/one'), join(source, 'store/staging/one')];
  const seen = await run('sh', ['-c', script, ...directories]);
  expect(seen.stdout).toBe('2\n4 600\ngone\n4\nabsent\n');
});
