import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openExportTarget } from '../../src/artifacts/copy-target.ts';
import { exportTree, openTree } from '../../src/artifacts/index.ts';
import { openStagingTree } from '../../src/artifacts/open-tree.ts';
import { recover } from '../../src/runner/index.ts';
import { loadIdentities } from '../../src/store/index.ts';
import { type Cli, main, newCli } from '../support/cli.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

it('export leaves an existing directory as it is, also one of another owner', async () => {
  const cli = newCli({ user: 'plain' });
  await cli.run('run', '--name', 't', '--', 'sh', '-c', 'echo hi > "$TASKFS_ARTIFACTS/f"');
  const directory = join(cli.base, 'inbox');
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  expect(await cli.run('export', 't', directory)).toMatchObject({ code: 0 });
  expect(readFileSync(join(directory, 'f'), 'utf8')).toBe('hi\n');
  expect(statSync(directory)).toMatchObject({ uid: process.getuid?.() });
  expect(statSync(directory).mode & 0o7777).toBe(0o777);

  const fresh = join(cli.base, 'fresh');
  expect((await cli.run('export', 't', fresh)).code).toBe(0);
  expect(statSync(fresh).mode & 0o7777).toBe(0o700);
});

it('leaves no part of a file that cannot be read to its end', async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 't');
  writeFileSync(join(paths.staging, 'large'), Buffer.alloc(200_000, 'x'));
  await recover(store, { scope: 'all' });
  const tar = join(paths.archive, 'artifacts.tar.enc');
  const bytes = readFileSync(tar);
  writeFileSync(tar, bytes.fill(0, 150_000, 150_100));
  using tree = await openTree(store, task, () => loadIdentities(store));
  using top = tree.find('', 'keep');
  const copy = join(temporaryDirectory(), 'copy');
  expect(() => exportTree(top, copy)).toThrow(/damaged/);
  expect(readdirSync(copy)).toEqual([]);
});

it('leaves nothing that could pass for whole, wherever it is killed', async () => {
  const { store, task, paths } = endedTask(await storeWithKeys(), 't');
  mkdirSync(join(paths.staging, 'directory'));
  const content = 'x'.repeat(5_000);
  const names = ['directory/file', 'file'];
  for (const name of names) writeFileSync(join(paths.staging, name), content);
  symlinkSync('file', join(paths.staging, 'link'));
  await recover(store, { scope: 'all' });
  const directory = temporaryDirectory();
  const [to, copies] = [join(directory, 'to'), join(directory, 'copies')];
  mkdirSync(to);
  const preload = join(import.meta.dirname, '../support/fault-injection.ts');
  const program = join(import.meta.dirname, '../support/fault-program.ts');
  const env = { ...process.env, FAULT_MODE: 'copy', FAULT_STORE: to, FAULT_COPIES: copies };
  execFileSync(process.execPath, ['--import', preload, program, 'export', store.path, task, to], {
    env,
  });
  using tree = await openTree(store, task, () => loadIdentities(store));
  using top = tree.find('', 'keep');
  const seen = { marked: 0, whole: 0, half: 0 };
  for (const copy of readdirSync(copies).map((number) => join(copies, number))) {
    const there = readdirSync(copy, { recursive: true, encoding: 'utf8' });
    for (const name of names.filter((each) => there.includes(each))) {
      expect(readFileSync(join(copy, name), 'utf8')).toBe(content);
    }
    const others = there.filter((name) => !/^(directory(.file)?|file|link)$/.test(name));
    for (const name of others) expect(name).toMatch(/^(directory.)?\.taskfs-[0-9a-f]{16}$/);
    if (there.length === 0) continue;
    if (others.length === 0) expect(there.sort()).toEqual(['directory', ...names, 'link'].sort());
    const how = others.length > 0 ? 'holds an export that was cut short' : 'is not empty';
    expect(() => exportTree(top, copy)).toThrow(`${copy} ${how}`);
    seen[others.length > 1 ? 'half' : others.length > 0 ? 'marked' : 'whole']++;
  }
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});

const S_IFMT = 0o170000;
const isRoot = process.geteuid?.() === 0;

/** A task's tree that ends once it is told to. */
async function liveTask(cli: Cli, script: string): Promise<() => Promise<void>> {
  const wait = 'cd "$TASKFS_ARTIFACTS"; : > ready; while [ ! -e "$0" ]; do sleep 0.05; done';
  const end = join(cli.base, 'end');
  const inside = `cd "$TASKFS_ARTIFACTS" && { ${script}; }; ${wait}`;
  await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', inside, end);
  await until('the task is ready', () => existsSync(join(cli.store, 'staging/t/ready')));
  return async () => {
    writeFileSync(end, '');
    await cli.run('wait', 't');
  };
}

it('what a live task exchanged after the listing is not opened, whatever it is', async () => {
  const store = await storeWithKeys();
  const { task, paths } = endedTask(store, 't');
  const at = (name: string): string => join(paths.staging, name);
  const names = ['a-pipe', 'b-device', 'c-link', 'd-directory', 'e-gone', 'f-kept'];
  for (const name of names) writeFileSync(at(name), name);
  for (const name of ['g-link', 'h-file']) mkdirSync(at(name));
  const exchange: Readonly<Record<string, () => void>> = {
    'a-pipe': () => execFileSync('mkfifo', [at('a-pipe')]),
    // Only root can make a device.
    'b-device': () =>
      execFileSync('mknod', [at('b-device'), ...(isRoot ? ['c', '1', '5'] : ['p'])]),
    'c-link': () => symlinkSync('/etc/passwd', at('c-link')),
    'd-directory': () => mkdirSync(at('d-directory')),
    'g-link': () => symlinkSync('/etc', at('g-link')),
    'h-file': () => writeFileSync(at('h-file'), ''),
  };
  using tree = openStagingTree(store, task);
  using top = tree.find('', 'keep');
  // The top's names are listed, and then the task exchanges them.
  const listing = {
    ...top,
    *list() {
      yield* [...top.list()];
      for (const [name, make] of Object.entries(exchange)) {
        rmSync(at(name), { recursive: true });
        make();
      }
      rmSync(at('e-gone'));
    },
  };
  const out = join(temporaryDirectory(), 'out');
  const { skipped, files } = exportTree(listing, out);
  expect(files).toBe(1);
  expect(readdirSync(out)).toEqual(['f-kept']);
  expect(skipped.map(({ path, type }) => `${path}: ${type}`)).toEqual([
    'a-pipe: fifo',
    `b-device: ${isRoot ? 'character-device' : 'fifo'}`,
    'c-link: symlink',
    'd-directory: directory',
  ]);
});

it.each(['live', 'archived'])(
  'export of thousands of directories in each other, %s, needs no descriptor for each',
  async (state) => {
    const cli = newCli();
    const deep =
      "python3 -c \"import os\nfor i in range(2500): os.mkdir('d'); os.chdir('d')\n" +
      "open('end', 'w').write('down here')\"";
    const end = await liveTask(cli, deep);
    if (state === 'archived') await end();
    const out = join(cli.base, 'out');
    const limited = ['--nofile=64:64', process.execPath, main, 'export', 't', out];
    const { stderr, stdout } = await promisify(execFile)('prlimit', limited, {
      env: { ...process.env, TASKFS_STORE: cli.store },
    });
    expect(stderr).toBe('');
    expect(stdout).toContain('2 files');
    expect(
      execFileSync('find', [out, '-name', 'end', '-size', '9c', '-printf', '%d']).toString(),
    ).toBe('2501');
    if (state === 'live') await end();
  },
);

it('the target is private until all is there, also one that was there', () => {
  const directory = join(temporaryDirectory(), 'inbox');
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  const modes: number[] = [];
  {
    using target = openExportTarget(directory);
    modes.push(statSync(directory).mode & ~S_IFMT);
    target.enter(Buffer.from('below'));
    modes.push(statSync(join(directory, 'below')).mode & ~S_IFMT);
  }
  modes.push(statSync(directory).mode & ~S_IFMT);
  expect(modes.map((mode) => mode.toString(8))).toEqual(['700', '700', '777']);
});

it('a directory of the export that somebody exchanges is not written into', () => {
  const directory = join(temporaryDirectory(), 'out');
  const foreign = temporaryDirectory();
  using target = openExportTarget(directory);
  target.enter(Buffer.from('a'));
  target.enter(Buffer.from('b'));
  renameSync(join(directory, 'a/b'), join(foreign, 'b'));
  expect(() => target.leave(() => {})).toThrow('exchanged');
  const first = target.made(Buffer.from('name'));
  symlinkSync(foreign, join(directory, 'a/b'));
  expect(() => target.link(first, Buffer.from('again'))).toThrow();
  expect(readdirSync(foreign)).toEqual(['b']);
});

it('an access list is not turned into rights of the group', async () => {
  const cli = newCli();
  const script =
    'echo x > f && chmod 600 f && setfacl -m u:1234:rwx f && ' +
    'mkdir d && chmod 700 d && setfacl -m g:1234:rwx d';
  const end = await liveTask(cli, script);
  const staged = (name: string): number =>
    statSync(join(cli.store, 'staging/t', name)).mode & 0o777;
  expect(['f', 'd'].map((name) => staged(name).toString(8))).toEqual(['670', '770']);
  const modesIn = (directory: string): string[] =>
    ['f', 'd'].map((name) => (statSync(join(directory, name)).mode & 0o777).toString(8));
  const live = join(cli.base, 'live');
  expect(await cli.run('export', 't', live)).toMatchObject({ code: 0 });
  expect(modesIn(live)).toEqual(['600', '700']);
  await end();
  const archived = join(cli.base, 'archived');
  expect(await cli.run('export', 't', archived)).toMatchObject({ code: 0 });
  expect(modesIn(archived)).toEqual(['600', '700']);
});
