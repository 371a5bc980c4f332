import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';

describe('what a task does to its own directory', () => {
  it('seals an empty tree where the task removed it', async () => {
    const cli = newCli();
    const ran = await cli.run(
      'run',
      '--name',
      'gone',
      '--',
      'sh',
      '-c',
      'rmdir "$TASKFS_ARTIFACTS"',
    );
    expect(ran.code).toBe(0);
    expect(await cli.json('status', 'gone', '--json')).toMatchObject({ artifacts: 'sealed' });
    expect(await cli.json('ls', '-R', 'gone', '--json')).toEqual([]);
    expect((await cli.run('export', 'gone', join(cli.base, 'copy'))).code).toBe(0);
    expect(readdirSync(join(cli.base, 'copy'))).toEqual([]);
  });

  it.each([
    ['a link to elsewhere', 'ln -s "$ELSEWHERE" "$TASKFS_ARTIFACTS"'],
    ['a file', 'echo secret > "$TASKFS_ARTIFACTS"'],
  ])('is told what to do where the task put %s in its place', async (_what, replace) => {
    const cli = newCli();
    const elsewhere = join(cli.base, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'secret'), 'secret\n');
    const script = `rmdir "$TASKFS_ARTIFACTS"; ELSEWHERE='${elsewhere}'; ${replace}`;
    const ran = await cli.run('run', '--name', 'r', '--', 'sh', '-c', script);
    expect(ran.code).toBe(125);
    expect(ran.stderr).toContain('no directory any more');
    const copy = join(cli.base, 'copy');
    for (const args of [['ls'], ['cat', 'secret'], ['path'], ['export', copy]]) {
      const [verb = '', ...rest] = args;
      const { code, stdout, stderr } = await cli.run(verb, 'r', ...rest);
      expect({ verb, code, stdout }).toEqual({ verb, code: 1, stdout: '' });
      expect(stderr).toContain('no directory any more');
    }
    const mountpoint = join(cli.base, 'mnt');
    mkdirSync(mountpoint);
    await cli.run('mount', mountpoint);
    const listed = await cli.run('run', '--name', 'look', '--', 'ls', join(mountpoint, 'live'));
    expect(listed.stdout).toBe('look\n');
    await cli.run('unmount', mountpoint);

    rmSync(join(cli.store, 'staging/r'));
    const recovered = await cli.json('recover', '--json');
    expect(recovered).toEqual([{ task: 'r', outcome: 'sealed', error: null }]);
    expect(readdirSync(elsewhere)).toEqual(['secret']);
  });
});
