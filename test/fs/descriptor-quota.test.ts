import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { DescriptorQuota } from '../../src/fs/descriptor-quota.ts';
import { isAttached, openMount, variants } from '../support/mount.ts';

/** One user's open files, and what is left for the others. */

const run = promisify(execFile);
const LIMIT = 1024;
const HOG = 65533;
const OTHER = 65532;

/** Opens a file again and again until that is refused, says how often, and keeps all open. */
const HOARD = `
import os, resource, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (${4 * LIMIT}, ${4 * LIMIT}))
os.setgroups([]); os.setgid(${HOG}); os.setuid(${HOG})
count = 0
try:
    while count < ${3 * LIMIT}:
        os.open(sys.argv[1], os.O_RDWR)
        count += 1
except OSError as error:
    os.write(1, f'{count} {error.strerror}'.encode())
else:
    os.write(1, f'{count} all'.encode())
time.sleep(1000)`;

async function hoard(path: string): Promise<string> {
  const hog = spawn('python3', ['-c', HOARD, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: '/',
  });
  onTestFinished(() => void hog.kill('SIGKILL'));
  const [said] = await once(hog.stdout, 'data');
  return String(said).trim();
}

// Only root can be three users, and what is attached is opened by no server.
const shared = variants.filter(
  (variant) =>
    variant.user === 'root' && variant.options.driver === 'kernel' && !isAttached(variant),
);

test.each(shared)(
  'who opens all that they get leaves enough to others ($name)',
  async (variant) => {
    const options = { ...variant.options, allowOther: true };
    const mount = await openMount({ ...variant, options, openFiles: LIMIT });
    onTestFinished(() => mount.close());
    const live = join(mount.mountpoint, 'live/one');
    await mount.run('sh', ['-c', `chmod 777 "$0"; echo x > "$0/f"; chmod 666 "$0/f"`, live]);
    expect(await hoard(join(live, 'f'))).toMatch(/^\d+ /);
    const script = `cd "$0" && mkdir d && echo y > d/g && cat f d/g && chmod 700 d && ls d &&
chown ${OTHER} d/g && mv d/g d/h && rm d/h && rmdir d`;
    const ids = [`--reuid=${OTHER}`, `--regid=${OTHER}`, '--clear-groups', '--'];
    const { stdout } = await run('setpriv', [...ids, 'sh', '-c', script, live], { cwd: '/' });
    expect(stdout).toBe('x\ny\ng\n');
    await mount.run('chown', ['0:0', join(live, 'f')]);
  },
);

test('a user gets no more than is left for the others, whoever is alone all but a reserve', () => {
  const count = (quota: DescriptorQuota, uid: number): number => {
    for (let taken = 0; ; taken++) {
      try {
        quota.assertFree(uid);
      } catch {
        return taken;
      }
      quota.take(uid);
    }
  };
  const several = new DescriptorQuota(true, 2384);
  expect([1, 2, 3].map((uid) => count(several, uid))).toEqual([500, 250, 125]);
  for (let at = 0; at < 500; at++) several.release(1);
  expect(count(several, 4)).toBe(313);
  expect(count(new DescriptorQuota(false, 2384), 1)).toBe(2000);
  expect(count(new DescriptorQuota(true, 100), 1)).toBe(7);
});
