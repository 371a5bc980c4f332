import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { detach, taskfsMountAt, unmount } from '../../src/mount/index.ts';
import { mountInBackground } from '../../src/server/index.ts';
import { openStore } from '../../src/store/index.ts';
import { type Cli, newCli } from '../support/cli.ts';
import { describeContents, describeTree } from '../support/difficult-tree.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const golden = join(import.meta.dirname, '../golden/format-1-store');
const isRoot = process.geteuid?.() === 0;

interface Described {
  readonly tree: readonly string[];
  readonly hashes: string;
  readonly attributes: string;
}

const expected: Described = JSON.parse(readFileSync(join(golden, 'expected.json'), 'utf8'));

/** The store as it was, in a place where it may be used. */
function goldenStore(): Cli {
  const cli = newCli();
  cpSync(join(golden, 'store'), cli.store, { recursive: true });
  mkdirSync(join(cli.store, 'staging'), { recursive: true });
  for (const directory of ['', 'keys', 'tasks', 'staging', 'archive']) {
    chmodSync(join(cli.store, directory), 0o700);
  }
  return cli;
}

/** What the tools say of a directory now. */
const describe = (directory: string, leaveOut: readonly string[] = []): Described => ({
  tree: describeTree(directory, leaveOut),
  ...describeContents(directory),
});

/** What a plain user may not read, he cannot compare. */
const comparable = ({ hashes, ...rest }: Described): Described => ({
  ...rest,
  hashes: hashes
    .split('\0')
    .filter((line) => isRoot || !line.endsWith('/locked'))
    .join('\0'),
});

const without = (tree: readonly string[], name: string): string[] =>
  tree.filter((line) => !line.startsWith(`${name}\t`));

test('verify finds every byte of it as it was sealed', async () => {
  const cli = goldenStore();
  expect(await cli.run('verify', '--deep', '--json')).toMatchObject({ code: 0 });
  expect(await cli.json('verify', '--deep', '--json')).toEqual({ archives: 1, findings: [] });
  expect((await cli.run('verify', 'golden', 'a/b')).code).toBe(0);
});

test('cat, ls and logs read it', async () => {
  const cli = goldenStore();
  expect(await cli.run('cat', 'golden', 'a/link')).toMatchObject({ stdout: '# Report\n', code: 0 });
  expect((await cli.run('cat', 'golden', 'sparse')).bytes.length).toBe(3 * 2 ** 20);
  expect((await cli.run('logs', 'golden')).stdout).toBe('golden log\n');
  const listed = await cli.json<{ path: string; type: string }[]>('ls', 'golden', '--json');
  const types = new Map(listed.map(({ path, type }) => [path, type]));
  expect(['pipe', 'socket', 'null', 'loop'].map((name) => types.get(name))).toEqual([
    'fifo',
    'socket',
    'character-device',
    'block-device',
  ]);
});

test('export makes the tree as it was', async () => {
  const cli = goldenStore();
  const out = join(cli.base, 'out');
  const { skipped } = await cli.json<{ skipped: object[] }>(
    'export',
    'golden',
    out,
    '--keep-setid',
    '--json',
  );
  expect(skipped).toHaveLength(4);
  expect(comparable(describe(out))).toEqual(comparable(expected));
  expect(statSync(join(out, 'all-hole')).blocks).toBe(0);
});

test('a mount shows the tree as it was', async () => {
  const cli = goldenStore();
  const directory = join(cli.base, 'mount');
  mkdirSync(directory);
  const { mountpoint } = await mountInBackground(openStore(cli.store), directory, {
    driver: 'kernel',
  });
  onTestFinished(async () => {
    if (taskfsMountAt(mountpoint)) await unmount(mountpoint).catch(() => detach(mountpoint));
  });
  const shown = join(mountpoint, 'archive/golden');
  const special = ['pipe', 'socket', 'null', 'loop'];
  const { stdout } = await promisify(execFile)('find', [
    shown,
    '-mindepth',
    '1',
    '-printf',
    '%f %y\\n',
  ]);
  expect(special.map((name) => new RegExp(`^${name} (.)$`, 'm').exec(stdout)?.[1]).join('')).toBe(
    'pscb',
  );
  const seen = describe(shown, ['', ...special]);
  // The task's own directory shows when it was sealed, and attributes of its own.
  const attributes = seen.attributes.replace(/^# file: \.\n(user\.taskfs\..*\n)+\n/, '');
  expect(comparable({ ...seen, attributes })).toEqual(
    comparable({ ...expected, tree: without(expected.tree, '') }),
  );
});

test.each([
  ['GNU tar', 'tar', ['--xattrs', '--xattrs-include=user.*'], []],
  ['bsdtar', 'bsdtar', [], ['']],
])('age and %s read it without taskfs', (_, program, options, leaveOut) => {
  const cli = goldenStore();
  const key = join(cli.base, 'task.txt');
  const archive = join(cli.store, 'archive/golden');
  const age = (identity: string, file: string): Buffer =>
    execFileSync('age', ['-d', '-i', identity, join(archive, file)], { maxBuffer: 1 << 30 });
  writeFileSync(key, age(join(cli.store, 'keys/identity.txt'), 'key.age'), { mode: 0o600 });
  const directory = temporaryDirectory();
  execFileSync(program, [...options, '-xpf', '-', '-C', directory], {
    input: age(key, 'artifacts.tar.enc'),
    stdio: 'pipe',
  });
  const tree = leaveOut.reduce(without, [...expected.tree]);
  // bsdtar takes an attribute's name as it stands in the tar.
  const attributes =
    program === 'bsdtar'
      ? expected.attributes.replace('user.odd\\075%name', 'user.odd%3D%25name')
      : expected.attributes;
  expect(comparable(describe(directory, leaveOut))).toEqual(
    comparable({ ...expected, tree, attributes }),
  );
  expect(age(key, 'log.enc').toString()).toBe('golden log\n');
});

test('without the signing key of the store nothing is signed', async () => {
  const cli = goldenStore();
  rmSync(join(cli.store, 'archive/golden/index.enc'));
  const { code, stderr } = await cli.run('reindex', 'golden');
  expect({ code, says: /signing\.key/.test(stderr) }).toEqual({ code: 1, says: true });
});
