import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

const SCRIPT = `cd "$TASKFS_ARTIFACTS"
  mkdir -p img/deep; echo plot > img/plot; ln img/plot img/again; echo x > img/deep/x
  ln -s plot img/link; ln -s img way; ln -s "$0" img/out; mkfifo img/pipe; chmod 640 img/plot
  touch ready; while [ ! -e end ]; do sleep 0.05; done`;

/** A live task with some files; its link img/out leads to a directory beside the store. */
async function startTask(cli: Cli): Promise<{ staging: string; outside: string }> {
  const outside = join(cli.base, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'kept'), 'kept');
  await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', SCRIPT, outside);
  const staging = join(cli.store, 'staging/t');
  await until('its files are there', () => existsSync(join(staging, 'ready')));
  return { staging, outside };
}

const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');

it('copies out of a task, live and archived, as docker does', async () => {
  const cli = newCli();
  const { staging, outside } = await startTask(cli);
  const at = (name: string): string => join(cli.base, name);
  for (const state of ['live', 'archived']) {
    const to = at(state);
    mkdirSync(to);
    const copied = await cli.run('cp', 't:img', to);
    expect(copied).toMatchObject({ code: 0, stdout: `2 files, 7 B, to ${to}\n` });
    expect(copied.stderr).toBe('Left out: pipe is a fifo.\n');
    expect(statSync(join(to, 'img/plot'))).toMatchObject({ mode: 0o100640, nlink: 2 });
    expect(readlinkSync(join(to, 'img/link'))).toBe('plot');
    // What is there is replaced, not what it leads to; what else is there stays.
    writeFileSync(join(to, 'img/deep/more'), 'more');
    execFileSync('ln', ['-sf', join(outside, 'kept'), join(to, 'img/plot')]);
    await cli.run('cp', '-q', 't:img/.', join(to, 'img'));
    expect(read(to, 'img/plot')).toBe('plot\n');
    expect(readdirSync(join(to, 'img/deep'))).toEqual(['more', 'x']);
    await cli.run('cp', 't:', to);
    expect(readlinkSync(join(to, 't/way'))).toBe('img');
    const { bytes } = await cli.run('cp', 't:img', '-');
    const names = execFileSync('tar', ['-t'], { input: bytes }).toString().split('\n');
    expect(names).toEqual(expect.arrayContaining(['img/', 'img/plot', 'img/deep/x']));
    if (state === 'archived') break;
    await cli.run('cp', 't:img/plot', join(to, 'renamed'));
    await cli.run('cp', '-L', 't:way', join(to, 'copy'));
    expect([read(to, 'renamed'), read(to, 'copy/deep/x')]).toEqual(['plot\n', 'x\n']);
    const one = await cli.run('cp', 't:img/deep/x', '-');
    expect(execFileSync('tar', ['-xO', 'x'], { input: one.bytes }).toString()).toBe('x\n');
    expect(await cli.run('cp', 't:img/plot', at('nowhere/'))).toMatchObject({ code: 3 });
    expect(await cli.run('cp', 't:img', join(to, 'renamed'))).toMatchObject({ code: 2 });
    expect(await cli.run('cp', 't:img/plot', '/dev/null')).toMatchObject({ code: 2 });

    // A link in the way of a directory is not followed.
    mkdirSync(at('trap'));
    mkdirSync(at('trap/img'));
    symlinkSync(outside, at('trap/img/deep'));
    expect(await cli.run('cp', 't:img', at('trap'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("'deep' is no directory there"),
    });
    expect(readdirSync(outside)).toEqual(['kept']);
    writeFileSync(join(staging, 'end'), '');
    await cli.run('wait', 't');
  }
  expect(read(outside, 'kept')).toBe('kept');
  const refused = await cli.run('cp', at('live/renamed'), 't:img');
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toContain('is sealed: its files do not change any more');
  expect(refused.stderr).toContain('read-only');
});

it('copies into a live task, and nowhere else', async () => {
  const cli = newCli();
  const { staging, outside } = await startTask(cli);
  const from = join(cli.base, 'from');
  mkdirSync(join(from, 'd/e'), { recursive: true });
  writeFileSync(join(from, 'd/e/f'), 'new');
  utimesSync(join(from, 'd/e/f'), 1000, 1000);
  symlinkSync('f', join(from, 'd/e/l'));
  writeFileSync(join(from, 'one'), 'one');
  const copy = (...args: string[]) => cli.script(`cd from && "$T" cp ${args.join(' ')}`);
  expect(await copy('d', 't:')).toMatchObject({ code: 0, stdout: '1 file, 3 B, to t:\n' });
  expect(statSync(join(staging, 'd/e/f')).mtimeMs).toBe(1_000_000);
  expect(readlinkSync(join(staging, 'd/e/l'))).toBe('f');
  await copy('one', 't:img/plot');
  expect(read(staging, 'img/plot')).toBe('one');
  await copy('d/.', 't:merged');
  await copy('d/.', 't:merged');
  expect(read(staging, 'merged/e/f')).toBe('new');
  await copy('t:img/deep', 't:merged');
  expect(read(staging, 'merged/deep/x')).toBe('x\n');
  chmodSync(join(from, 'one'), 0o4755);
  expect((await copy('one', 't:merged/own')).stderr).toContain('--keep-setid keeps it');
  expect(statSync(join(staging, 'merged/own')).mode & 0o7777).toBe(0o755);
  await copy('--keep-setid', 'one', 't:merged/own');
  expect(statSync(join(staging, 'merged/own')).mode & 0o7777).toBe(0o4755);

  const tar =
    'mkdir -p d/t; echo tar > d/t/x; ln d/t/x d/t/y; chmod 600 d/t/x; ' +
    'tar -c d/t | "$T" cp -q - t:merged';
  expect(await cli.script(`cd from; ${tar}`)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  expect(statSync(join(staging, 'merged/d/t/x'))).toMatchObject({ mode: 0o100600, nlink: 2 });
  expect(statSync(join(staging, 'merged/d')).mode & 0o777).toBe(0o755);

  // Links of the task's that lead out are replaced where they are in the way, never followed.
  symlinkSync(join(outside, 'kept'), join(staging, 'merged/one'));
  await copy('one', 't:merged');
  expect(lstatSync(join(staging, 'merged/one')).isFile()).toBe(true);
  symlinkSync(outside, join(staging, 'd/out'));
  mkdirSync(join(from, 'd/out'));
  writeFileSync(join(from, 'd/out/kept'), 'lost');
  expect(await copy('d', 't:')).toMatchObject({ code: 1 });
  expect(await copy('one', 't:d/out')).toMatchObject({ code: 2 });
  const evil = 'tar -cP --transform s,one,../../one, one | "$T" cp - t:merged';
  expect(await cli.script(`cd from; ${evil}`)).toMatchObject({ code: 2 });
  const through = 'tar -c --transform s,one,d/out/kept, one | "$T" cp - t:';
  expect(await cli.script(`cd from; ${through}`)).toMatchObject({ code: 1 });
  expect(await cli.script('head -c 3000 /dev/urandom | "$T" cp - t:')).toMatchObject({ code: 5 });
  expect(await cli.run('cp', staging, 't:img')).toMatchObject({ code: 2 });
  expect(await copy('one', 'two')).toMatchObject({ code: 2 });
  expect(readdirSync(outside)).toEqual(['kept']);
  expect(read(outside, 'kept')).toBe('kept');
  const left = execFileSync('find', [staging, '-name', '.taskfs*']).toString();
  expect(left).toBe('');
});
