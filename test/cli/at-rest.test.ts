/**
 * What a sealed task leaves on the disk, for whoever has the disk and not the keys; and who may
 * look while it runs.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { newCli } from '../support/cli.ts';
import { asNobody } from '../support/mount.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

/** All files below a directory, as bytes. */
function* filesBelow(directory: string): Generator<[path: string, bytes: Buffer]> {
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, name);
    if (statSync(path).isFile()) yield [name, readFileSync(path)];
  }
}

test('no name, content, link, attribute or output of a sealed task is plain on disk', async () => {
  const cli = newCli();
  const mountpoint = join(cli.base, 'mnt');
  mkdirSync(mountpoint);
  await cli.run('mount', mountpoint);
  const script = [
    'cd "$TASKFS_ARTIFACTS"; mkdir secret-directory',
    'echo secret-content > secret-directory/secret-file; ln -s secret-target secret-link',
    'setfattr -n user.secret-attribute -v secret-value secret-directory/secret-file',
    'mkfifo secret-pipe',
    'echo secret-output; echo secret-error >&2; until [ -e go ]; do sleep 0.05; done',
  ].join('\n');
  // Not in its arguments, for those are in the record.
  const file = join(cli.base, 'script');
  writeFileSync(file, script);
  await cli.run('run', '-d', '--name', 'task', '--', 'sh', file);
  const live = join(cli.store, 'staging/task/secret-pipe');
  await until('it runs', () => existsSync(live));
  await run('sh', ['-c', `echo more >> ${mountpoint}/live/task/secret-directory/secret-file`]);
  await run('touch', [join(mountpoint, 'live/task/go')]);
  expect((await cli.run('wait', 'task')).code).toBe(0);
  await until('its plaintext is removed', () => !existsSync(join(cli.store, 'staging/task')));
  const shown = join(mountpoint, 'archive/task/secret-directory/secret-file');
  expect((await run('cat', [shown])).stdout).toBe('secret-content\nmore\n');
  expect((await cli.run('unmount', mountpoint)).code).toBe(0);
  const files = [...filesBelow(cli.store)];
  expect(files.length).toBeGreaterThan(8);
  expect(files.filter(([, bytes]) => bytes.includes('secret-')).map(([path]) => path)).toEqual([]);
});

test.runIf(process.geteuid?.() === 0)('another user enters neither store nor mount', async () => {
  const cli = newCli();
  const mountpoint = join(cli.base, 'mnt');
  mkdirSync(mountpoint);
  chmodSync(mountpoint, 0o777);
  await cli.run('mount', mountpoint);
  await cli.run('run', '--name', 'task', '--', 'true');
  const places = [
    '',
    'staging',
    'archive/task/key.age',
    'keys/identity.txt',
    'tasks/task/task.json',
  ];
  const paths = [...places.map((place) => join(cli.store, place)), mountpoint];
  for (const path of [...paths, join(mountpoint, 'archive'), join(mountpoint, 'logs/task.log')]) {
    const [program, args] = asNobody('sh', ['-c', 'ls "$1" || cat "$1"', '-', path]);
    await expect(run(program, args), path).rejects.toThrow('Permission denied');
  }
  expect((await cli.run('unmount', mountpoint)).code).toBe(0);
});
