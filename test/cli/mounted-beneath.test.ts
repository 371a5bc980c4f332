import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

const isRoot = process.geteuid?.() === 0;

/** taskfs, and a directory that nobody may lose anything of. */
function newPlace(): { readonly cli: Cli; readonly precious: string } {
  const cli = newCli();
  const precious = join(cli.base, 'precious');
  mkdirSync(precious);
  writeFileSync(join(precious, 'file'), 'irreplaceable');
  onTestFinished(() => unmountAll(cli.base));
  return { cli, precious };
}

function mountsBelow(directory: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mountpoint) => mountpoint.startsWith(`${directory}/`));
}

function unmountAll(directory: string): void {
  for (const on of mountsBelow(directory).reverse()) execFileSync('umount', ['-l', on]);
}

const shell = (cli: Cli, name: string, script: string) =>
  cli.run('run', '--name', name, '--', 'sh', '-c', `cd "$TASKFS_ARTIFACTS" || exit; ${script}`);

// Only root can mount what is not FUSE, and to the kernel a plain user's FUSE mount is one more
// mount.
describe.skipIf(!isRoot)('what is mounted in a task’s files', () => {
  it.each([
    ['a directory', (from: string) => `mkdir -p a/m; mount --bind ${from} a/m`, 'a/m'],
    ['a file', (from: string) => `touch m; mount --bind ${from}/file m`, 'm'],
    ['all of them', (from: string) => `mount --bind ${from} "$TASKFS_ARTIFACTS"`, ''],
  ])(
    'keeps a task that mounts over %s, names it, and touches nothing of it',
    async (_, mount, at) => {
      const { cli, precious } = newPlace();
      const ran = await shell(cli, 'b', `echo own > own; ${mount(precious)}`);
      const on = join(cli.store, 'staging/b', at);
      expect(ran.code).toBe(125);
      expect(ran.stderr).toContain(on);
      for (const verb of ['recover', 'rm']) {
        const { code, stderr, stdout } = await cli.run(verb, ...(verb === 'rm' ? ['b'] : []));
        expect({ verb, code }).toEqual({ verb, code: 1 });
        expect(stderr + stdout).toContain(`something is mounted on '${on}'`);
      }
      expect(await cli.json('status', 'b', '--json')).toMatchObject({ artifacts: 'kept' });
      expect(readdirSync(precious)).toEqual(['file']);
      expect(mountsBelow(cli.store)).toEqual([on]);

      unmountAll(cli.base);
      expect((await cli.run('recover')).code).toBe(0);
      expect((await cli.run('cat', 'b', 'own')).stdout).toBe('own\n');
      const record = join(cli.store, 'tasks/b');
      for (const name of ['task.json', 'events.jsonl']) {
        expect(readFileSync(join(record, name), 'utf8')).not.toContain('something is mounted');
      }
    },
  );

  it('shows and copies what is the task’s own, and leaves out what is mounted', async () => {
    const { cli, precious } = newPlace();
    await shell(cli, 'b', `echo own > own; mkdir m; mount --bind ${precious} m`);
    const copy = join(cli.base, 'copy');
    const exported = await cli.run('export', 'b', copy);
    expect(exported.code).toBe(0);
    expect(exported.stderr).toContain('Left out: m is a mount point.');
    expect(readdirSync(copy)).toEqual(['own']);
    expect((await cli.run('ls', '-R', 'b')).stdout).toBe('m/\nown\n');
    const read = await cli.run('cat', 'b', 'm/file');
    expect(read).toMatchObject({ code: 2, stdout: '' });
  });

  it('asks nothing of a file system there whose server hangs', async () => {
    const { cli } = newPlace();
    const place = join(cli.store, 'staging/b');
    const script = 'echo own > own; mkdir m; until [ -e go ]; do sleep 0.05; done';
    const ran = shell(cli, 'b', script);
    await until('the task runs', () => existsSync(join(place, 'm')));
    const other = newCli();
    await other.run('init');
    const { pid } = await other.json<{ pid: number }>('mount', '--json', join(place, 'm'));
    process.kill(pid, 'SIGSTOP');
    onTestFinished(() => {
      process.kill(pid, 'SIGKILL');
    });
    writeFileSync(join(place, 'go'), '');
    expect((await ran).stderr).toContain(`something is mounted on '${join(place, 'm')}'`);
    expect((await cli.run('ls', '-R', 'b')).stdout).toBe('go\nm/\nown\n');
    expect((await cli.run('export', 'b', join(cli.base, 'copy'))).code).toBe(0);
    const watch = cli.start('watch', 'b', '--json');
    expect(String(await once(watch.stdout, 'data'))).toContain('"type":"task"');
    watch.kill();
    expect((await cli.run('rm', 'b')).code).toBe(1);
  });

  it('removes no sealed task with a mount in its plaintext or its record', async () => {
    const { cli, precious } = newPlace();
    await shell(cli, 'b', 'true');
    for (const place of ['staging/b/m', 'tasks/b/engine/m', 'archive/b/m']) {
      const on = join(cli.store, place);
      mkdirSync(on, { recursive: true });
      execFileSync('mount', ['--bind', precious, on]);
      const { code, stderr } = await cli.run('prune', '--keep-last', '0');
      expect({ place, code }).toEqual({ place, code: 1 });
      expect(stderr).toContain(`something is mounted on '${on}'`);
      expect(readdirSync(precious)).toEqual(['file']);
      expect(readdirSync(join(cli.store, 'archive/b'))).toContain('seal.json');
      unmountAll(cli.base);
    }
    expect((await cli.run('rm', 'b')).code).toBe(0);
    for (const part of ['staging', 'archive']) {
      expect(readdirSync(join(cli.store, part))).toEqual([]);
    }
  });
});
