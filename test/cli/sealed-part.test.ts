import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSeal } from '../../src/archive/index.ts';
import { openStore, readEvents, taskPaths } from '../../src/store/index.ts';
import { newCli } from '../support/cli.ts';
import { killSupervisor } from '../support/ending.ts';
import { recordOf } from '../support/runner.ts';
import { until } from '../support/until.ts';

const FILES = `
cd "$TASKFS_ARTIFACTS"
mkdir -p reports/old node_modules/x src/deep/er empty
echo 1 > reports/a.html; echo 2 > reports/old/b.html; echo 3 > reports/a.tmp
echo 4 > node_modules/x/y.html; echo 5 > src/deep/er/c.html
echo 6 > src/deep/d.txt; echo 7 > top.txt
ln src/deep/er/c.html src/same.txt`;

describe('run --artifact and --exclude', () => {
  it('seals that part, and says so in the seal and to whoever looks', async () => {
    const cli = newCli();
    const ran = await cli.run(
      ...['run', '--name', 'a', '--artifact', '*.html', '--artifact', '/reports'],
      ...['--exclude', 'node_modules', '--exclude', '*.tmp', '--', 'sh', '-c', FILES],
    );
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('not sealed, and removed, as --artifact or --exclude asks: ');
    expect(ran.stderr).toContain("'node_modules'");
    const sealed = ['reports/', 'reports/a.html', 'reports/old/', 'reports/old/b.html'];
    const below = ['src/', 'src/deep/', 'src/deep/er/', 'src/deep/er/c.html'];
    const listed = await cli.run('ls', '-R', 'a');
    expect(listed.stdout.trim().split('\n').sort()).toEqual([...sealed, ...below]);
    expect(listed.stderr).toContain('Not sealed, by --artifact or --exclude: 6;');
    expect((await cli.run('cat', 'a', 'src/deep/er/c.html')).stdout).toBe('5\n');
    expect((await cli.run('status', 'a')).stdout).toMatch(
      /^Left out: +6 \(all but \*\.html, \/reports; node_modules, \*\.tmp\)$/m,
    );
    const store = openStore(cli.store);
    const { task, leftOut } = recordOf(store, 'a');
    const { archive, events } = taskPaths(store, task);
    expect([leftOut, readSeal(archive).leftOutCount, readSeal(archive).fileCount]).toEqual([
      6, 6, 3,
    ]);
    expect(readEvents(events).at(-1)).toMatchObject({ type: 'sealed', unselected: 6 });
    expect(readdirSync(store.staging)).toEqual([]);

    rmSync(join(archive, 'index.enc'));
    expect(await cli.run('verify', '--repair', 'a')).toMatchObject({ code: 0 });
    const verified = await cli.run('verify', '--deep');
    expect(verified).toMatchObject({ code: 0 });
    expect(verified.stderr).toContain('Task a: not sealed, by --artifact or --exclude: 6;');
    expect(await cli.json('verify', '--json')).toMatchObject({ partial: [{ task, leftOut: 6 }] });

    const [reader] = await cli.json<{ recipient: string }[]>('key', 'show', '--json');
    await cli.run('share', 'a', '--to', reader?.recipient ?? '');
    const received = await cli.run('receive', 'a.taskfs', '--to', 'received');
    expect(received.stderr).toContain('Not sealed there, by --artifact or --exclude: 6.');

    const again = await cli.run('rerun', 'a', '--name', 'b');
    expect(again.stderr).toContain('not sealed');
    const whole = await cli.run('run', '--name', 'c', '--exclude', 'none', '--', 'sh', '-c', FILES);
    expect(whole.stderr).not.toContain('not sealed');
    expect(readSeal(taskPaths(store, recordOf(store, 'c').task).archive)).not.toHaveProperty(
      'leftOutCount',
    );
    expect(await cli.run('run', '--exclude', '[a', '--', 'true')).toMatchObject({ code: 2 });
  }, 60_000);

  it('is remembered by whoever seals in the place of a killed supervisor', async () => {
    const cli = newCli();
    const script = `${FILES}; : > reports/ready.tmp; exec sleep 1000`;
    await cli.run('run', '-d', '--name', 'a', '--artifact', 'reports/', '--', 'sh', '-c', script);
    await until('its files are there', async () =>
      (await cli.run('ls', 'a', 'reports')).stdout.includes('ready.tmp'),
    );
    const store = openStore(cli.store);
    expect(killSupervisor(store, recordOf(store, 'a').task)).toBe(true);
    const recovered = await cli.run('recover');
    expect(recovered).toMatchObject({ code: 0 });
    expect(recovered.stderr).toContain('not sealed');
    const { stdout } = await cli.run('ls', 'a');
    expect(stdout).toBe('reports/\n');
  }, 60_000);
});
