import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';

const run = (cli: Cli, name: string) => cli.run('run', '--name', name, '--', 'true');

describe('a store', () => {
  it('of which a backup left out empty directories has them made anew', async () => {
    const cli = newCli();
    await cli.run('init');
    for (const part of ['staging', 'archive', 'tasks']) rmdirSync(join(cli.store, part));
    expect(await run(cli, 'a')).toMatchObject({ code: 0, stderr: '' });
    rmdirSync(join(cli.store, 'staging'));
    expect((await cli.run('ps')).code).toBe(0);
    expect((await cli.run('recover')).code).toBe(0);
  });

  it('loses what a killed submission left at the next recovery, and no other', async () => {
    const cli = newCli();
    await cli.run('init');
    const { pid: dead } = spawnSync('true');
    const [left, being] = [`.new-${dead}-a`, `.new-${process.pid}-b`];
    for (const name of [left, being]) mkdirSync(join(cli.store, 'tasks', name));
    writeFileSync(join(cli.store, 'tasks', left, 'lock'), '');
    expect((await cli.run('recover')).code).toBe(0);
    expect(readdirSync(join(cli.store, 'tasks'))).toEqual([being]);
  });

  it('keeps the last tasks in the order of their sealing, whatever the clock said', async () => {
    const cli = newCli();
    for (const name of ['ahead', 'b', 'c']) await run(cli, name);
    const record = join(cli.store, 'tasks/ahead/task.json');
    const fields = JSON.parse(readFileSync(record, 'utf8'));
    writeFileSync(record, JSON.stringify({ ...fields, sealedAt: '2300-01-01T00:00:00.000Z' }));
    expect((await cli.run('prune', '--keep-last', '1')).stdout).toBe('ahead\nb\n');
  });

  it.skipIf(process.geteuid?.() !== 0)(
    'on a read-only file system removes and makes anew nothing, and says why (needs root to mount)',
    async () => {
      const cli = newCli();
      await run(cli, 'a');
      execFileSync('mount', ['--bind', cli.store, cli.store]);
      onTestFinished(() => {
        execFileSync('umount', ['-l', cli.store]);
      });
      execFileSync('mount', ['-o', 'remount,bind,ro', cli.store]);
      for (const args of [
        ['rm', 'a'],
        ['reindex', 'a'],
        ['prune', '--keep-last', '0'],
      ]) {
        const { code, stderr } = await cli.run(...args);
        expect({ args, code }).toEqual({ args, code: 1 });
        expect(stderr).toMatch(/read-only file system/i);
        expect(stderr).not.toContain('not expected');
      }
      expect((await cli.run('ps', '-a')).code).toBe(0);
    },
  );
});
