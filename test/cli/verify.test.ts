import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';
import { flip } from '../support/mutate.ts';

const SCRIPT = `cd "$TASKFS_ARTIFACTS" && mkdir -p src/lib && echo small > src/small
  head -c 300000 /dev/zero | tr '\\0' x > src/lib/large && mkfifo src/pipe
  ln -s ../small src/lib/link && printf raw > "$(printf 'src/bad-\\377')"`;

/** A sealed task named `build`, and where a file of its archive lies. */
async function sealedBuild(): Promise<{ cli: Cli; at: (file: string) => string }> {
  const cli = newCli();
  expect((await cli.run('run', '--name', 'build', '--', 'sh', '-c', SCRIPT)).code).toBe(0);
  return { cli, at: (file) => join(cli.store, 'archive/build', file) };
}

test('reindex makes an index anew, says what is lost, and leaves a whole one alone', async () => {
  const { cli, at } = await sealedBuild();
  expect(await cli.run('reindex', 'build')).toMatchObject({
    code: 0,
    stdout: 'build: its index is as it was sealed\n',
    stderr: '',
  });
  rmSync(at('index.enc'));
  expect((await cli.run('cat', 'build', 'src/small')).code).toBe(5);
  expect(await cli.run('reindex', 'build')).toMatchObject({
    code: 0,
    stdout: 'build: index rebuilt, 3 files\n',
    stderr: 'Lost: 1 sockets, pipes or devices, which only the old index listed.\n',
  });
  expect(await cli.run('cat', 'build', 'src/small')).toMatchObject({ code: 0, stdout: 'small\n' });
  expect((await cli.run('verify', '--deep')).code).toBe(0);
  expect((await cli.run('reindex', 'nothing')).code).toBe(3);
});

test('reindex without a key says which one is missing, and changes nothing', async () => {
  const { cli, at } = await sealedBuild();
  flip(at('index.enc'), 400);
  const before = readFileSync(at('index.enc'));
  const identity = join(cli.store, 'keys/identity.txt');
  const text = readFileSync(identity);
  rmSync(identity);
  const locked = await cli.run('reindex', 'build');
  expect(locked).toMatchObject({ code: 4 });
  expect(locked.stderr).toMatch(/no identity.*--identity/s);
  const elsewhere = join(cli.base, 'identity');
  writeFileSync(elsewhere, text);
  rmSync(join(cli.store, 'keys/signing.key'));
  const unsigned = await cli.run('reindex', 'build', '--identity', elsewhere);
  expect(unsigned).toMatchObject({ code: 1 });
  expect(unsigned.stderr).toMatch(/signing\.key.*backup/s);
  expect(readFileSync(at('index.enc')).equals(before)).toBe(true);
});

interface Verified {
  readonly findings: readonly Record<string, unknown>[];
  readonly repaired: readonly Record<string, unknown>[];
  readonly notRepaired: readonly Record<string, unknown>[];
}

const verified = async (cli: Cli, ...args: string[]): Promise<Verified> =>
  JSON.parse((await cli.run('verify', ...args, '--json')).stdout);

/** Within the content of `large`, in the third chunk of the tar. */
const IN_LARGE = 150_000;

test('verify of a path checks that file or directory alone, and names what is lost', async () => {
  const { cli, at } = await sealedBuild();
  for (const path of ['src/small', 'src/lib/link', 'src/lib', '.', './src/']) {
    expect(await cli.run('verify', 'build', path), path).toMatchObject({
      code: 0,
      stderr: `1 archive, as it was sealed: every byte of '${path}' was compared.\n`,
    });
  }
  flip(at('artifacts.tar.enc'), IN_LARGE);
  expect((await cli.run('verify', 'build', 'src/small')).code).toBe(0);
  expect((await cli.run('verify', 'build')).code).toBe(0);
  for (const path of ['src/lib/large', 'src/lib', 'src']) {
    const { code, stdout } = await cli.run('verify', 'build', path, '--json');
    expect(code).toBe(5);
    const [lost, ...others] = JSON.parse(stdout).findings;
    expect(others).toEqual([]);
    expect(lost).toMatchObject({ kind: 'damaged', task: 'build', file: 'artifacts.tar.enc' });
    expect(lost.path).toBe('src/lib/large');
    expect(lost.range.length).toBe(65_536);
    expect(lost.offset % 65_552).toBeLessThan(400);
  }
  const shown = await cli.run('verify', 'build', 'src/lib/large');
  expect(shown.stdout).toMatch(
    /^damaged: .*; file 'src\/lib\/large'; bytes \d+ to \d+; artifacts\.tar\.enc at byte \d+\n$/,
  );
  expect((await cli.run('verify', 'build', 'src/no-such-file')).code).toBe(3);
  expect((await cli.run('verify', 'build', '../out')).code).toBe(2);
  expect((await cli.run('verify', 'build', 'src/small', '--repair')).code).toBe(2);
  rmSync(join(cli.store, 'keys/identity.txt'));
  expect((await cli.run('verify', 'build', 'src/small')).code).toBe(4);
});

test('the bytes that are lost are those that cannot be read, and no others', async () => {
  const { cli, at } = await sealedBuild();
  const whole = await cli.run('cat', 'build', 'src/lib/large');
  flip(at('artifacts.tar.enc'), IN_LARGE);
  const [lost = {}] = (await verified(cli, 'build', 'src')).findings;
  const { start, length } = lost.range as { start: number; length: number };
  const broken = await cli.run('cat', 'build', 'src/lib/large');
  expect(broken.code).toBe(5);
  expect(whole.bytes.subarray(0, broken.bytes.length).equals(broken.bytes)).toBe(true);
  expect(broken.bytes.length).toBeLessThanOrEqual(start);
  expect(start + length).toBeLessThan(whole.bytes.length);
});

test('repair makes an index anew, and tells of all that it cannot make', async () => {
  const { cli, at } = await sealedBuild();
  expect((await cli.run('run', '--name', 'other', '--', 'true')).code).toBe(0);
  expect(await cli.run('verify', '--repair')).toMatchObject({
    code: 0,
    stdout: '',
    stderr: '2 archives, as they were sealed: every byte was compared.\n',
  });
  flip(at('index.enc'), -20);
  flip(at('artifacts.tar.enc'), IN_LARGE);
  const before = await verified(cli, '--deep');
  // Without the index the names come from the tar.
  expect(before.findings).toContainEqual(
    expect.objectContaining({ path: 'src/lib/large', range: expect.anything() }),
  );
  const { code, stdout, stderr } = await cli.run('verify', '--repair');
  expect(code).toBe(5);
  expect(stdout).toContain('build: index rebuilt, 3 files\n');
  expect(stdout).toMatch(/damaged: .*'src\/lib\/large'.*; bytes \d+ to \d+;/);
  expect(stdout).not.toContain('index.enc');
  expect(stderr).toContain('Lost: the sha256 of 1 file whose content is damaged.');
  expect(await cli.run('cat', 'build', 'src/small')).toMatchObject({ stdout: 'small\n' });
  const after = await verified(cli, '--repair');
  expect(after).toMatchObject({ repaired: [], notRepaired: [] });
  expect(after.findings.every(({ file }) => file === 'artifacts.tar.enc')).toBe(true);
  flip(at('artifacts.tar.enc'), IN_LARGE);
  expect((await cli.run('verify', '--deep')).code).toBe(0);
});

test('repair signs nothing where the seal is not to be trusted', async () => {
  const { cli, at } = await sealedBuild();
  flip(at('index.enc'), -20);
  flip(at('seal.json'), 300);
  const { notRepaired, findings } = await verified(cli, '--repair');
  expect(notRepaired).toMatchObject([{ task: 'build', message: expect.stringContaining('seal') }]);
  expect(findings.map(({ file }) => file)).toContain('index.enc');
});
