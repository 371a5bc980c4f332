import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { headerLength } from '../../src/age/header.ts';
import { openDecrypted } from '../../src/age/index.ts';
import { readTar } from '../../src/tar/index.ts';
import { describeContents, describeTree, makeDifficultTree } from '../support/difficult-tree.ts';
import { bufferSource, extractByUs } from '../support/extract-tar.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** The ways in which the tools that people have write a tree. */
const writers: readonly [name: string, program: string, options: readonly string[]][] = [
  ['GNU tar, pax, holes', 'tar', ['--format=pax', '--sparse', '--xattrs']],
  [
    'GNU tar, posix with times of a delta',
    'tar',
    ['--format=posix', '--xattrs', '-S', '--sort=name'],
  ],
  ['bsdtar, pax', 'bsdtar', ['--format=pax', '--xattrs', '--read-sparse']],
];

function pack(program: string, options: readonly string[], directory: string): Buffer {
  const args = ['-C', directory, ...options, '-cf', '-', '.'];
  return execFileSync(program, args, { maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A file that the age program encrypted, opened by our decryptor. */
async function throughAge(plain: Buffer) {
  const { Decrypter, generateX25519Identity, identityToRecipient } = await import('age-encryption');
  const identity = await generateX25519Identity();
  const path = join(temporaryDirectory(), 'theirs.age');
  const args = ['-r', await identityToRecipient(identity), '-o', path];
  execFileSync('age', args, { input: plain, maxBuffer: 1 << 30 });
  const file = readFileSync(path);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const fileKey = await decrypter.decryptHeader(file.subarray(0, headerLength(file)));
  const opened = openDecrypted(path, fileKey);
  onTestFinished(() => opened.close());
  return opened;
}

describe.each(writers)('what %s wrote and age encrypted', (_, program, options) => {
  test('is read by us: names, modes, times, links, attributes, holes', async () => {
    const tree = temporaryDirectory();
    makeDifficultTree(tree);
    const source = await throughAge(pack(program, options, tree));
    const ours = temporaryDirectory();
    extractByUs(source, ours);
    expect(describeTree(ours)).toEqual(describeTree(tree, ['pipe']));
    expect(describeContents(ours)).toEqual(describeContents(tree));
    for (const name of ['sparse', 'allhole']) {
      expect(statSync(join(ours, name)).blocks).toBe(statSync(join(tree, name)).blocks);
    }
  });
});

test.each([
  ['GNU tar, its own format', 'tar', ['--format=gnu']],
  ['GNU tar, ustar', 'tar', ['--format=ustar']],
  ['bsdtar, ustar', 'bsdtar', ['--format=ustar']],
])(
  'what %s wrote: names, contents and links, with times in whole seconds',
  (_, program, options) => {
    const tree = temporaryDirectory();
    const long = '$(printf "d%.0s" $(seq 90))/$(printf "n%.0s" $(seq 90))';
    const script = `mkdir -p a/b "$(dirname "${long}")"
    echo 1 > a/b/c; ln a/b/c a/hard; ln -s c a/b/s
    echo long > "${long}"; find . -exec touch -h -d '2020-02-03 04:05:06 UTC' {} +`;
    execFileSync('bash', ['-c', script], { cwd: tree });
    const ours = temporaryDirectory();
    extractByUs(bufferSource(pack(program, options, tree)), ours);
    expect(describeTree(ours)).toEqual(describeTree(tree));
    expect(describeContents(ours)).toEqual(describeContents(tree));
  },
);

test('long names and targets of GNU’s own format', () => {
  const tree = temporaryDirectory();
  const script = `ln -s "$(printf 't%.0s' $(seq 300))" "$(printf 'l%.0s' $(seq 200))"`;
  execFileSync('bash', ['-c', script], { cwd: tree });
  const [, link] = readTar(bufferSource(pack('tar', ['--format=gnu'], tree)));
  expect(link).toMatchObject({ type: 'symlink', target: Buffer.alloc(300, 't') });
  expect(link?.path).toEqual(Buffer.concat([Buffer.from('./'), Buffer.alloc(200, 'l')]));
});

test('sizes beyond what octal digits hold, in pax and in binary', () => {
  const tree = temporaryDirectory();
  execFileSync('truncate', ['-s', '20G', 'huge'], { cwd: tree });
  writeFileSync(join(tree, 'next'), 'next');
  const sparse = pack('tar', ['--sparse', '--format=pax', '--sort=name'], tree);
  expect([...readTar(bufferSource(sparse))].map(({ size }) => size)).toEqual([0, 20 * 2 ** 30, 4]);
  const script = 'tar --format=gnu -C "$0" -cf - huge | head -c 512';
  const head = execFileSync('bash', ['-c', script, tree]);
  const size = 21 * 2 ** 30;
  const read = (into: Uint8Array, offset: number): number => {
    into.fill(0);
    into.set(head.subarray(offset, offset + into.length));
    return into.length;
  };
  expect([...readTar({ size, read })].map((member) => member.size)).toEqual([20 * 2 ** 30]);
});

test('a form that is not read is named, and is no damage', () => {
  const tree = temporaryDirectory();
  execFileSync('bash', ['-c', 'truncate -s 1M hole; echo x >> hole'], { cwd: tree });
  for (const format of [['--format=gnu'], ['--format=pax', '--sparse-version=0.1']]) {
    const tar = pack('tar', ['--sparse', ...format], tree);
    expect(() => [...readTar(bufferSource(tar))]).toThrow(
      expect.objectContaining({ kind: 'failed', hint: expect.stringContaining('GNU tar') }),
    );
  }
});

test('a tar that is cut off anywhere is truncated or damaged, never shorter', () => {
  const tree = temporaryDirectory();
  execFileSync('bash', ['-c', 'mkdir d; printf content > d/file; ln -s x d/link'], { cwd: tree });
  const tar = pack('tar', ['--format=pax', '-b', '1'], tree);
  const end = tar.lastIndexOf('link');
  for (let length = 0; length < end; length += 100) {
    expect(() => [...readTar(bufferSource(tar.subarray(0, length)))], `${length}`).toThrow(
      expect.objectContaining({ kind: 'damaged' }),
    );
  }
});
