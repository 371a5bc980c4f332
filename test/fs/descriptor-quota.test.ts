import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { DescriptorQuota } from '../../src/fs/descriptor-quota.ts';
import { HandleTable } from '../../src/fs/handle-table.ts';
import { isAttached, openMount, variants } from '../support/mount.ts';

/** One user's or program's open files, and what is left for the others. */

const run = promisify(execFile);
const LIMIT = 1024;
const HOG = 65533;
const OTHER = 65532;
const PYTHON = '/usr/bin/python3';

/**
 * Makes and locks files in a directory until that is refused, says how many, and keeps all open.
 */
const HOARD = `
import fcntl, os, resource, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (${4 * LIMIT}, ${4 * LIMIT}))
count = 0
try:
    while count < ${3 * LIMIT}:
        file = os.open(f'{sys.argv[1]}/{count}', os.O_RDWR | os.O_CREAT)
        fcntl.lockf(file, fcntl.LOCK_EX)
        count += 1
except OSError as error:
    os.write(1, f'{count} {error.strerror}'.encode())
else:
    os.write(1, f'{count} all'.encode())
time.sleep(1000)`;

/** What another program then still does in its working directory. */
const WORK = `mkdir d && echo y > d/g && cat f d/g && chmod 700 d && ls -l d | grep -c g &&
mv d/g d/h && rm d/h && rmdir d`;

const asUser = (uid: number) => [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];

async function hoard(hog: ChildProcess): Promise<string> {
  onTestFinished(() => void hog.kill('SIGKILL'));
  const [said] = hog.stdout ? await once(hog.stdout, 'data') : [];
  return String(said).trim();
}

const served = variants.filter(
  (variant) => variant.options.driver === 'kernel' && !isAttached(variant),
);
// Only root can be three users.
const shared = served.filter(({ user }) => user === 'root');
const own = served.filter(({ user }) => user === 'plain');

test.each(shared)(
  'who opens all that they get leaves enough to others ($name)',
  async (variant) => {
    const options = { ...variant.options, allowOther: true };
    const mount = await openMount({ ...variant, options, openFiles: LIMIT });
    onTestFinished(() => mount.close());
    const live = join(mount.mountpoint, 'live/one');
    await mount.run('sh', ['-c', `cd "$0" && mkdir hog && chmod 777 . hog && echo x > f`, live]);
    const hog = [...asUser(HOG), PYTHON, '-c', HOARD, join(live, 'hog')];
    const hoarding = spawn('setpriv', hog, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
    expect(await hoard(hoarding)).toMatch(/^\d+ Too many open files$/);
    const script = `cd "$0" && ${WORK} && touch own && chown ${OTHER} own && rm own`;
    const { stdout } = await run('setpriv', [...asUser(OTHER), 'sh', '-c', script, live], {
      cwd: '/',
    });
    expect(stdout).toBe('x\ny\n1\n');
    await mount.run('chown', ['0:0', join(live, 'f')]);
  },
);

test.each(own)(
  'a program that opens all that it gets leaves enough to others ($name)',
  async (variant) => {
    const mount = await openMount({ ...variant, openFiles: LIMIT });
    onTestFinished(() => mount.close());
    const live = join(mount.mountpoint, 'live/one');
    await mount.run('sh', [
      '-c',
      'cd "$0" && git init -q tree && echo x > tree/f && mkdir hog',
      live,
    ]);
    const tree = join(live, 'tree');
    const hoarding = mount.start(PYTHON, ['-c', HOARD, join(live, 'hog')]);
    expect(await hoard(hoarding)).toMatch(/^\d{3} Too many open files$/);
    const work = `${WORK} && git status --porcelain && git add f && git ls-files`;
    expect(await mount.run('sh', ['-c', work], { cwd: tree })).toBe('x\ny\n1\n?? f\nf\n');
  },
);

/** How much more a program can open; its threads are of no process that runs. */
function openAll(quota: DescriptorQuota, uid: number, program: number) {
  const table = new HandleTable<{ close(): void }>(quota);
  const caller = { uid, gid: uid, pid: 2 ** 22 + program };
  for (let count = 0; ; count++) {
    try {
      table.assertFree(caller);
    } catch {
      return { count, close: () => table.closeAll() };
    }
    table.add({ close: () => {} }, caller);
  }
}

test('a user gets no more than is left for the others, of which each program leaves some', () => {
  const quota = new DescriptorQuota(true, 2512);
  const opened = [1, 2, 3].map((uid) => openAll(quota, uid, uid));
  expect(opened.map(({ count }) => count)).toEqual([438, 219, 115]);
  expect(openAll(quota, 1, 4).count).toBe(0);
  opened[0]?.close();
  expect(openAll(quota, 4, 4).count).toBe(271);
});

test('whoever is alone gets all but a reserve, of which each program leaves some', () => {
  const quota = new DescriptorQuota(false, 2512);
  const counts = [1, 2, 3].map((program) => openAll(quota, 1, program).count);
  expect(counts).toEqual([1751, 125, 62]);
  expect(openAll(new DescriptorQuota(false, 100), 1, 1).count).toBe(22);
});
