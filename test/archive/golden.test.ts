import { createPublicKey } from 'node:crypto';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  type ArchiveReader,
  type IndexEntry,
  openArchive,
  unlockArchive,
} from '../../src/archive/index.ts';
import { isSigned, readSeal } from '../../src/archive/seal-record.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const golden = join(import.meta.dirname, '../golden/format-1');
const archive = join(golden, 'archive');

/** In its place: an archive is read under its task's name. */
async function open(): Promise<ArchiveReader> {
  const identity = readFileSync(join(golden, 'identity.txt'), 'utf8')
    .split('\n')
    .find((line) => line.startsWith('AGE-SECRET-KEY-'));
  const place = join(temporaryDirectory(), 'golden');
  cpSync(archive, place, { recursive: true });
  const reader = openArchive(place, await unlockArchive(place, [identity ?? '']));
  onTestFinished(() => reader.close());
  return reader;
}

function* all(
  reader: ArchiveReader,
  directory: IndexEntry,
  path: string,
): Generator<[string, IndexEntry]> {
  for (const { entry } of reader.list(directory, 0)) {
    const here = `${path}${entry.name.toString('latin1')}`;
    yield [here, entry];
    if (entry.type === 'directory') yield* all(reader, entry, `${here}/`);
  }
}

test('the archive of format 1 that was sealed in 2026 opens as it did then', async () => {
  const reader = await open();
  const entries = new Map(all(reader, reader.root(), ''));
  const read = (path: string): string => {
    const entry = entries.get(path);
    if (!entry) throw new Error(`${path} is not in the archive`);
    const bytes = Buffer.alloc(entry.size);
    expect(reader.read(entry, bytes, 0)).toBe(entry.size);
    return bytes.toString('latin1');
  };
  const paths =
    'chunks dangling directory directory/hard directory/nested directory/nested/report.md';
  expect([...entries.keys()]).toEqual([
    ...paths.split(' '),
    'empty',
    'rÿ',
    'script.sh',
    'sparse',
    'zero',
  ]);
  expect(read('chunks')).toBe('taskfs golden '.repeat(10_715).slice(0, 150_000));
  expect(read('directory/nested/report.md')).toBe('# Report\n');
  expect(read('rÿ')).toBe('raw name');
  expect(read('sparse')).toBe(`begin${'\0'.repeat(999_995)}`);
  expect(entries.get('dangling')).toMatchObject({
    type: 'symlink',
    target: Buffer.from('../missing'),
  });
  expect(entries.get('script.sh')).toMatchObject({ mode: 0o755, nlink: 2 });
  expect(entries.get('script.sh')?.position).toBe(entries.get('directory/hard')?.position);
  expect(entries.get('zero')?.xattrs).toEqual([
    [Buffer.from('user.comment'), Buffer.from('golden')],
  ]);
  for (const entry of entries.values()) expect(entry.mtimeNs).toBe(1_767_323_045_678_901_234n);
  const log = Buffer.alloc(reader.logSize());
  reader.readLog(log, 0);
  expect(log.toString()).toBe('golden log\n');
});

test('its seal is still that of its store', () => {
  const key = createPublicKey(readFileSync(join(golden, 'signing.pub'), 'utf8'));
  const seal = readSeal(archive);
  expect(isSigned(seal, key)).toBe(true);
  const changed = { ...seal, bytes: seal.bytes + 1 };
  expect(isSigned(changed, key)).toBe(false);
});
