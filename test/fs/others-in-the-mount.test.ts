import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { DRIVERS } from '../../src/fs/index.ts';
import { type Cli, newCli } from '../support/cli.ts';

/** What other users may do in a mount that lets them in. */

const run = promisify(execFile);
const OTHER = 65533;
const MEMBER_OF = 65532;

/** Files of every kind of right, made by a task; and a directory that nobody else may enter. */
const TASK = `
cd "$TASKFS_ARTIFACTS" && chmod 755 . && umask 0
echo all > all; chmod 644 all; echo mine > mine; chmod 600 mine
echo group > group; chgrp ${MEMBER_OF} group; chmod 640 group
echo theirs > theirs; chown ${OTHER} theirs; chmod 400 theirs; chmod 755 .
mkdir closed list enter; echo x > closed/f; echo x > list/f; echo x > enter/f
chmod 644 */f; chmod 700 closed; chmod 744 list; chmod 711 enter`;

/** Prints what each attempt gives, in a directory of that task. */
const ATTEMPTS = `
cd "$1" || exit; export LC_ALL=C
for f in all mine group theirs closed/f list/f enter/f; do cat $f 2>/dev/null || echo "no $f"; done
for d in closed list enter; do ls $d >/dev/null 2>&1 && echo "lists $d"; done
for d in closed list enter; do (cd $d) 2>/dev/null && echo "enters $d"; done
for f in all mine group theirs; do test -r $f && echo "may read $f"; done
for f in all theirs; do test -x $f && echo "may execute $f"; done
(echo x > new) 2>/dev/null || echo "makes nothing"
true`;

const EXPECTED = `all
no mine
group
theirs
no closed/f
no list/f
x
lists list
enters enter
may read all
may read group
may read theirs
makes nothing
`;

const asOther = async (...args: string[]): Promise<string> => {
  const ids = [`--reuid=${OTHER}`, `--regid=${OTHER}`, `--groups=${MEMBER_OF}`, '--'];
  return (await run('setpriv', [...ids, ...args], { cwd: '/', timeout: 20_000 })).stdout;
};

async function mountedForAll(driver: string): Promise<{ cli: Cli; mountpoint: string }> {
  const cli = newCli();
  await cli.run('init');
  const mountpoint = join(cli.base, 'mount');
  const mounted = await cli.run('mount', '--allow-other', '--driver', driver, mountpoint);
  expect(mounted).toMatchObject({ code: 0 });
  return { cli, mountpoint };
}

// Only root may let others in without the machine's leave.
describe.runIf(process.geteuid?.() === 0)('another user', () => {
  test.each(DRIVERS)('is judged by modes and ids, live and archived alike (%s)', async (driver) => {
    const { cli, mountpoint } = await mountedForAll(driver);
    const go = join(cli.base, 'go');
    const script = `${TASK}; until [ -e '${go}' ]; do sleep 0.05; done`;
    await cli.run('run', '-d', '--name', 'a', '--', 'sh', '-c', `${script}`);
    const attempt = (place: string) =>
      asOther('sh', '-c', ATTEMPTS, 'sh', join(mountpoint, place, 'a'));
    await run('sh', ['-c', `until [ -e '${mountpoint}/live/a/enter/f' ]; do sleep 0.05; done`]);
    await run('sh', [
      '-c',
      'until [ "$(stat -c %a "$0")" = 711 ]; do sleep 0.05; done',
      `${mountpoint}/live/a/enter`,
    ]);
    expect(await attempt('live')).toBe(EXPECTED);
    await run('touch', [go]);
    expect((await cli.run('wait', 'a')).code).toBe(0);
    expect(await attempt('archive')).toBe(EXPECTED);
    const log = join(mountpoint, 'logs/a.log');
    await expect(asOther('cat', log)).rejects.toMatchObject({
      stderr: expect.stringContaining('Permission denied'),
    });
  });

  test('may not enter a task’s directory that the task left closed', async () => {
    const { cli, mountpoint } = await mountedForAll('kernel');
    const script = 'cd "$TASKFS_ARTIFACTS" && echo x > f && chmod 644 f';
    await cli.run('run', '--name', 'a', '--', 'sh', '-c', script);
    await expect(asOther('cat', join(mountpoint, 'archive/a/f'))).rejects.toMatchObject({
      stderr: expect.stringContaining('Permission denied'),
    });
    expect((await run('cat', [join(mountpoint, 'archive/a/f')])).stdout).toBe('x\n');
  });
});
