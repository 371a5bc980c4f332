import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';

const isRoot = process.geteuid?.() === 0;

/** What a task starts in the background, and what is left of that once the task has ended. */
const SCRIPT = `
  $T run --name outer -- sh -c '
    $T run -d --name inner -- sh -c "
      until [ -e go ]; do sleep 0.05; done; echo x > \\$TASKFS_ARTIFACTS/x"
    $T mount m' >/dev/null 2>&1
  ls m; touch go; $T wait inner; echo $?; $T cat inner x; $T unmount m`;
const EXPECTED = 'archive\nlive\nlogs\n';

describe('a detached run and a mount, started inside of a task', () => {
  it('outlive the task, where it has a control group', async () => {
    const { stdout } = await newCli().script(SCRIPT);
    expect(stdout).toContain(EXPECTED);
    expect(stdout).toMatch(/0\nx\n$/);
  });

  it.runIf(isRoot)('outlive it where it has none (needs root to become a plain user)', async () => {
    const { stdout } = await newCli({ user: 'plain' }).script(SCRIPT);
    expect(stdout).toContain(EXPECTED);
    expect(stdout).toMatch(/0\nx\n$/);
  });

  it('and a run in the foreground within another one too', async () => {
    const { stdout } = await newCli().script(`
      $T run --name a -- sh -c '
        $T run --name b -- sh -c "\\$T run -d --name c -- sleep 0.5"' >/dev/null
      $T wait c; echo $?`);
    expect(stdout).toMatch(/c: completed\n0\n$/);
  });

  it.runIf(isRoot)('are refused with the reason where it cannot be left (needs root)', async () => {
    const cli = newCli();
    const other = join(cli.base, 'other');
    mkdirSync(other);
    chownSync(other, 65534, 65534);
    chmodSync(cli.base, 0o755);
    const become = 'setpriv --reuid=65534 --regid=65534 --clear-groups --';
    const { stdout, stderr } = await cli.script(`
      $T run -- env HOME="$PWD/other" TASKFS_STORE="$PWD/other/store" ${become} \
        $T run -d --name refused -- sleep 1; echo $?
      HOME="$PWD/other" TASKFS_STORE="$PWD/other/store" ${become} $T ps -a --json`);
    expect(stderr).toContain('its control group cannot be left');
    expect(stdout).toBe('125\n[]\n');
  });
});
