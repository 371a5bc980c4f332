import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertProcessOptions } from '../../src/runner/engines/process/options.ts';
import { type Cli, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

/** Whether this machine lets its tests make control groups with limits. */
const canLimit = ((): boolean => {
  try {
    assertProcessOptions({ memoryBytes: 64 << 20, cpus: 1, pids: 10 });
    return true;
  } catch {
    return false;
  }
})();

/** Prints what the kernel says of the limits of its caller's control groups. */
const SHOW_LIMITS = `
  for line in $(cat /proc/self/cgroup); do
    group=\${line##*:}
    for file in memory.max memory.limit_in_bytes cpu.max cpu.cfs_quota_us pids.max; do
      cat /sys/fs/cgroup/*"$group/$file" "/sys/fs/cgroup$group/$file" 2>/dev/null
    done
  done`;

/** The control groups of a task's run. */
async function groupsOf(cli: Cli, task: string): Promise<string[]> {
  const { stdout } = await cli.script(`cat store/tasks/${task}/task.json`);
  const { group, controllerGroups = [] } = JSON.parse(stdout).engineState;
  return [group, ...controllerGroups].filter((path) => path !== null);
}

describe.runIf(canLimit)('a local task with limits (needs control groups)', () => {
  it('has them from its first process on', async () => {
    const limits = ['-m', '96m', '--cpus', '0.5', '--pids', '30'];
    const { stdout } = await newCli().run('run', ...limits, '--', 'sh', '-c', SHOW_LIMITS);
    const shown = stdout.trim().split('\n');
    expect(shown).toContain(String(96 << 20));
    expect(shown.filter((line) => /^50000( 100000)?$/.test(line))).not.toEqual([]);
    expect(shown).toContain('30');
    const forks = 'for i in 1 2 3 4 5 6 7 8; do sleep 600 & done; echo all';
    const ran = await newCli().run('run', '--pids', '5', '--', 'sh', '-c', forks);
    expect(ran).toMatchObject({ stdout: '', stderr: expect.stringContaining('fork') });
  });

  it('starts as any other, or is told why not', async () => {
    const cli = newCli();
    const PLAIN = join(cli.base, 'no-interpreter');
    writeFileSync(PLAIN, 'ulimit -Sn; echo $#', { mode: 0o755 });
    const bounded = 'ulimit -Sn 99; exec "$T" run --pids 9 -- "$PLAIN" a b';
    expect((await cli.script(bounded, { PLAIN })).stdout).toBe('99\n2\n');
    const refused = await cli.run('run', '--name', 'none', '--pids', '9', '--', '/no/such/program');
    expect(refused).toMatchObject({ code: 127, stderr: expect.stringContaining('no command') });
    const groups = await groupsOf(cli, 'none');
    expect(groups).not.toEqual([]);
    expect(groups.filter((path) => existsSync(path))).toEqual([]);
  });

  it('shares them with what is executed in it, however few they are', async () => {
    const cli = newCli();
    await cli.run('run', '-d', '--name', 'few', '--pids', '2', '--', 'sleep', '600');
    await until(
      'it runs',
      async () => (await cli.json('status', 'few', '--json')).status === 'running',
    );
    expect(await cli.run('exec', 'few', '--', 'cat', '/proc/self/cgroup')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('-few-1'),
    });
    const forks = await cli.run('exec', 'few', '--', 'sh', '-c', 'sleep 600 & echo forked');
    expect(forks.stdout).toBe('');
    await cli.run('cancel', 'few');
  });

  it('is told to have run out of memory, and leaves no control group', async () => {
    const cli = newCli();
    const allocate = 'python3 -c "bytearray(300 << 20)"; exit $?';
    const ran = await cli.run('run', '--name', 'big', '-m', '64m', '--', 'sh', '-c', allocate);
    expect(ran).toMatchObject({ code: 137, stderr: expect.stringContaining('out of memory') });
    expect(await cli.json('status', 'big', '--json')).toMatchObject({
      status: 'failed',
      reasonKind: 'out-of-memory',
      artifacts: 'sealed',
    });
    const groups = await groupsOf(cli, 'big');
    expect(groups).not.toEqual([]);
    expect(groups.filter((path) => existsSync(path))).toEqual([]);
    const survives = 'python3 -c "bytearray(300 << 20)"; exit 0';
    const fine = await cli.run('run', '-m', '64m', '--', 'sh', '-c', survives);
    expect(fine.code).toBe(0);
  });

  it('leaves them to be removed by recover where its supervisor was killed', async () => {
    const cli = newCli();
    await cli.run('run', '-d', '--name', 'left', '-m', '64m', '--pids', '50', '--', 'sleep', '600');
    await until('it runs', async () => (await statusOf(cli)).status === 'running');
    const groups = await groupsOf(cli, 'left');
    expect(groups.filter((path) => !existsSync(path))).toEqual([]);
    process.kill(Number((await statusOf(cli)).supervisorPid), 'SIGKILL');
    await cli.run('recover');
    expect(await statusOf(cli)).toMatchObject({ reasonKind: 'interrupted', artifacts: 'sealed' });
    expect(groups.filter((path) => existsSync(path))).toEqual([]);
  });
});

const statusOf = (cli: Cli) => cli.json('status', 'left', '--json');

describe('limits that cannot be had', () => {
  const isRoot = process.geteuid?.() === 0;

  it.runIf(isRoot)('are refused before there is a task, naming why (needs root)', async () => {
    const cli = newCli({ user: 'plain' });
    for (const mode of [[], ['-d']]) {
      const { code, stderr } = await cli.run('run', ...mode, '--pids', '9', '--', 'true');
      expect(code).toBe(2);
      expect(stderr).toMatch(/--pids cannot be set for a local task here: .*not writable/);
      expect(stderr).toContain('systemd-run --user --scope -p Delegate=yes');
    }
    expect(await cli.json('ps', '-a', '--json')).toEqual([]);
  });

  it('are those that no program can live under, too', async () => {
    const { code, stderr } = await newCli().run('run', '-m', '1m', '--', 'true');
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('6m') });
  });
});
