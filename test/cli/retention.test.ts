import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';

const run = (cli: Cli, name: string, ...options: string[]) =>
  cli.run('run', '--name', name, ...options, '--', 'true');
const names = async (cli: Cli, ...options: string[]) => {
  const { stdout } = await cli.run('ps', '-a', '--json', ...options);
  return (JSON.parse(stdout) as { task: string }[]).map(({ task }) => task);
};
const isThere = (cli: Cli, task: string) => existsSync(join(cli.store, 'archive', task));

describe('retention', () => {
  it('is a policy that prune applies, says why, and obeys pins', async () => {
    const cli = newCli();
    await run(cli, 'old', '--label', 'kind=nightly', '--label', 'big');
    await run(cli, 'middle', '-l', 'kind=weekly');
    await cli.run('run', '--name', 'broken', '--', 'false');
    await run(cli, 'new');

    const unset = await cli.run('prune');
    expect(unset).toMatchObject({ code: 2 });
    expect(unset.stderr).toContain("'taskfs policy set'");

    expect(await cli.run('policy', 'set', '--keep-last', '1')).toMatchObject({ code: 0 });
    await cli.run('policy', 'set', '--status', 'failed', '--keep-within', '90d');
    const shown = await cli.run('policy');
    expect(shown.stdout).toContain('Of all tasks:');
    expect(shown.stdout).toContain('Of status failed:');
    expect(await cli.run('pin', 'old')).toMatchObject({ code: 0, stderr: '' });
    expect((await cli.run('status', 'old')).stdout).toMatch(/Labels: +kind=nightly, big=\n/);

    const dry = await cli.run('prune', '--dry-run', '--json');
    expect(JSON.parse(dry.stdout)).toEqual([
      { task: 'old', keep: true, because: ['pinned'] },
      { task: 'middle', keep: false, because: ['no rule keeps it'] },
      {
        task: 'broken',
        keep: true,
        because: ['within the time before the newest of status failed'],
      },
      { task: 'new', keep: true, because: ['one of the last 1'] },
    ]);
    expect((await cli.run('prune')).stdout).toBe('middle\n');
    expect(isThere(cli, 'middle')).toBe(false);

    const refused = await cli.run('rm', 'old');
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain("'taskfs unpin old'");
    expect(await names(cli, '--label', 'kind')).toEqual(['old']);
    expect(await names(cli, '--label', 'kind=weekly')).toEqual([]);
    expect(await names(cli, '--name', 'n*')).toEqual(['new']);
    const events = await cli.run('events', '--label', 'kind=nightly', '--json');
    const lines = events.stdout.trim().split('\n');
    expect(new Set(lines.map((line) => JSON.parse(line).task))).toEqual(new Set(['old']));
    expect(await cli.run('wait', '--label', 'kind=nightly')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('old: completed'),
    });

    await cli.run('unpin', 'old');
    expect(await cli.run('prune', '--max-size', '1', '--status', 'cancelled')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'There is nothing to remove.\n',
    });
    expect(await cli.run('policy', 'set', '--name', 'x', '--max-age', '1d')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('whole store'),
    });
    expect((await cli.run('prune', '--max-size', '1')).stdout.split('\n').sort()).toEqual(
      ['', 'broken', 'new', 'old'].sort(),
    );
  });

  it('leaves tasks that only a clock set ahead makes old, and says how to go on', async () => {
    const cli = newCli();
    await run(cli, 'old');
    // As if it had been two years ago.
    const chain = join(cli.store, 'seals.jsonl');
    const record = join(cli.store, 'tasks/old/task.json');
    for (const path of [chain, record]) {
      const text = readFileSync(path, 'utf8');
      const before = (time: string) => `${Number(time.slice(0, 4)) - 2}${time.slice(4)}`;
      writeFileSync(path, text.replace(/(?<="(at|sealedAt)": ?")[^"]+/g, before));
    }
    const prune = await cli.run('prune', '--older-than', '30d', '--json');
    expect(prune).toMatchObject({ code: 1, stdout: '[]\n' });
    expect(prune.stderr).toMatch(/task old did not go for its age.*--keep-last/s);
    await cli.run('policy', 'set', '--max-age', '30d', '--auto');
    expect((await run(cli, 'new')).stderr).toMatch(/task old did not go for its age/);
    expect(await names(cli)).toEqual(['old', 'new']);
    expect((await cli.run('prune', '--keep-last', '1')).stdout).toBe('old\n');
  });

  it('applies itself where it is told to, and breaks no task where it cannot', async () => {
    const cli = newCli();
    await run(cli, 'a');
    await cli.run('policy', 'set', '--keep-last', '2', '--auto');
    await run(cli, 'b');
    expect(await names(cli)).toEqual(['a', 'b']);
    await run(cli, 'c');
    expect(await names(cli)).toEqual(['b', 'c']);

    const settings = join(cli.store, 'store.json');
    const whole = readFileSync(settings, 'utf8');
    writeFileSync(settings, whole.replace('"last":2', '"lasst":2'));
    const told = await run(cli, 'd');
    expect(told).toMatchObject({ code: 0 });
    expect(told.stderr).toContain('policy could not be applied');
    expect(await names(cli)).toEqual(['b', 'c', 'd']);
    await cli.run('policy', 'clear');
    expect((await cli.run('policy')).stdout).toBe('Everything is kept.\n');
  });

  it('shows what takes the space', async () => {
    const cli = newCli();
    const script =
      'mkdir -p $TASKFS_ARTIFACTS/d/e; cd $TASKFS_ARTIFACTS; printf 12345 > d/e/f; printf 1 > g';
    await cli.run('run', '--name', 'a', '--', 'sh', '-c', `${script}; ln g d/h`);
    const { stdout } = await cli.run('du', 'a', '--json');
    expect(JSON.parse(stdout)).toEqual([
      { path: '', bytes: 6 },
      { path: 'd', bytes: 6 },
      { path: 'd/e', bytes: 5 },
    ]);
    const [all] = JSON.parse((await cli.run('du', '--json')).stdout);
    expect(all).toMatchObject({ task: 'a', live: 0, sealed: expect.any(Number) });
    expect(all.sealed).toBeGreaterThan(100);
    const facts = JSON.parse((await cli.run('info', '--json')).stdout);
    expect(facts).toMatchObject({ tasks: 1, artifacts: { sealed: 1 }, policy: null });
    expect(facts.archiveBytes).toBe(all.sealed);
  });
});
