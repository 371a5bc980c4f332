import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';
import { flip } from '../support/flip.ts';

const SCRIPT = `cd "$TASKFS_ARTIFACTS" && mkdir -p src/lib && echo small > src/small
  head -c 300000 /dev/zero | tr '\\0' x > src/lib/large && mkfifo src/pipe
  ln -s ../small src/lib/link && printf raw > "$(printf 'src/bad-\\377')"`;

/** A sealed task named `build`, and where a file of its archive lies. */
async function sealedBuild(): Promise<{ cli: Cli; at: (file: string) => string }> {
  const cli = newCli();
  expect((await cli.run('run', '--name', 'build', '--', 'sh', '-c', SCRIPT)).code).toBe(0);
  return { cli, at: (file) => join(cli.store, 'archive/build', file) };
}

test('reindex makes an index anew, says what is lost, and does nothing where it is whole', async () => {
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
    stdout: 'build: index made anew, of 3 files\n',
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
