import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openArchive, unlockArchive } from '../../src/archive/index.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import { keyPaths, loadIdentities } from '../../src/store/index.ts';
import { describeContents, describeTree, makeDifficultTree } from '../support/difficult-tree.ts';
import { endedTask, type SealableTask, storeWithKeys } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** The way that the documents promise: age for the key, age for the tar. */
function decryptWithAge({ store, paths }: SealableTask, file: string): Buffer {
  const identity = join(temporaryDirectory(), 'task.txt');
  const key = ['-d', '-i', keyPaths(store).identity, join(paths.archive, 'key.age')];
  writeFileSync(identity, execFileSync('age', key), { mode: 0o600 });
  const arguments_ = ['-d', '-i', identity, join(paths.archive, file)];
  return execFileSync('age', arguments_, { maxBuffer: 1 << 30 });
}

function extract(program: string, options: string[], tar: Buffer): string {
  const directory = temporaryDirectory();
  execFileSync(program, [...options, '-xpf', '-', '-C', directory], { input: tar, stdio: 'pipe' });
  return directory;
}

async function sealDifficultTree(): Promise<SealableTask> {
  const sealable = endedTask(await storeWithKeys(), 'difficult');
  makeDifficultTree(sealable.paths.staging);
  return sealable;
}

describe('an archive opens without taskfs', () => {
  test.each([
    ['GNU tar', 'tar', ['--xattrs', '--xattrs-include=user.*']],
    ['bsdtar', 'bsdtar', []],
  ])(
    'with age and %s: names, modes, times, links, attributes, holes',
    async (_, program, options) => {
      const sealable = await sealDifficultTree();
      const { staging, aside } = sealable.paths;
      const before = describeTree(staging, ['pipe']);
      const contents = describeContents(staging);
      const { skipped } = await sealTask(sealable.store, sealable.task);
      expect(skipped).toEqual([{ path: 'pipe', type: 'fifo' }]);
      expect(describeTree(aside, ['pipe'])).toEqual(before);

      const extracted = extract(program, options, decryptWithAge(sealable, 'artifacts.tar.enc'));
      // bsdtar leaves the times of the directory that it extracts into.
      const top = program === 'bsdtar' ? [''] : [];
      expect(describeTree(extracted, top)).toEqual(describeTree(aside, ['pipe', ...top]));
      expect(describeContents(extracted)).toEqual(contents);
      for (const name of ['sparse', 'allhole']) {
        expect(statSync(join(extracted, name)).blocks).toBe(statSync(join(aside, name)).blocks);
      }
    },
  );

  test('with age: the log', async () => {
    const sealable = await sealDifficultTree();
    await sealTask(sealable.store, sealable.task);
    expect(decryptWithAge(sealable, 'log.enc').toString()).toBe('what difficult printed\n');
  });

  test('the recovery identity opens it too, without the owner', async () => {
    const { createStore } = await import('../../src/store/index.ts');
    const { createKeys } = await import('../../src/store/keys.ts');
    const store = createStore(join(temporaryDirectory(), 'store'));
    const recovery = (await createKeys(store, { withRecovery: true })) ?? '';
    const { task, paths } = endedTask(store, 'recovered');
    writeFileSync(join(paths.staging, 'file'), 'text');
    await sealTask(store, task);
    const reader = openArchive(paths.archive, await unlockArchive(paths.archive, [recovery]));
    expect(reader.lookup(reader.root(), Buffer.from('file'))?.size).toBe(4);
    reader.close();
  });
});

describe('what the age program encrypted opens here', () => {
  test.each([0, 1, 65535, 65536, 65537, 400_000])('a payload of %i bytes', async (size) => {
    const { createKeys } = await import('../../src/store/keys.ts');
    const { openDecrypted } = await import('../../src/age/reader.ts');
    const { createStore } = await import('../../src/store/index.ts');
    const { readFileSync } = await import('node:fs');
    const { Decrypter, identityToRecipient } = await import('age-encryption');
    const { headerLength } = await import('../../src/age/header.ts');
    const directory = temporaryDirectory();
    const store = createStore(join(directory, 'store'));
    await createKeys(store);
    const [identity] = await loadIdentities(store);
    const recipient = await identityToRecipient(identity ?? '');
    const plain = Buffer.alloc(size, 'abcdefg');
    const path = join(directory, 'theirs.age');
    execFileSync('age', ['-r', recipient, '-o', path], { input: plain });
    const file = readFileSync(path);
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity ?? '');
    const fileKey = await decrypter.decryptHeader(file.subarray(0, headerLength(file)));
    const opened = openDecrypted(path, fileKey);
    const read = Buffer.alloc(size);
    expect(opened.size).toBe(size);
    expect(opened.read(read, 0)).toBe(size);
    expect(read.equals(plain)).toBe(true);
    opened.close();
  });
});

test('sizes beyond 8 GiB: a sparse file of 20 GiB reads at its end at once', async () => {
  const sealable = endedTask(await storeWithKeys(), 'huge');
  const { staging, archive } = sealable.paths;
  mkdirSync(join(staging, 'd'));
  const script = 'truncate -s 20G huge && printf END >> huge';
  execFileSync('bash', ['-c', script], { cwd: join(staging, 'd') });
  await sealTask(sealable.store, sealable.task);
  const keys = await unlockArchive(archive, await loadIdentities(sealable.store));
  const reader = openArchive(archive, keys);
  const directory = reader.lookup(reader.root(), Buffer.from('d'));
  const file = directory && reader.lookup(directory, Buffer.from('huge'));
  if (!file) throw new Error('the file is not in the archive');
  const end = Buffer.alloc(8, 'x');
  expect(reader.read(file, end, 20 * 2 ** 30 - 5)).toBe(8);
  expect(end).toEqual(Buffer.from('\0\0\0\0\0END'));
  reader.close();
  const listed = execFileSync('tar', ['-tvf', '-'], {
    input: decryptWithAge(sealable, 'artifacts.tar.enc'),
  });
  expect(listed.toString()).toContain(String(20 * 2 ** 30 + 3));
});
