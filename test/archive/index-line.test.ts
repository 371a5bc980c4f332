import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeJson, encodeEntry } from '../../src/archive/index/codec.ts';
import type { IndexEntry } from '../../src/archive/index/entry.ts';
import { isEntryName } from '../../src/archive/index/entry.ts';
import {
  type FileLine,
  fileAt,
  fileNameAt,
  scanLine,
} from '../../src/archive/index/line-scanner.ts';

const numRuns = process.env.TASKFS_LONG === '1' ? 200_000 : 3000;
const size = fc.integer({ min: 0, max: 2 ** 49 });
/** All that 64 bits of seconds hold. */
const time = fc.bigInt({ min: -(2n ** 63n * 10n ** 9n), max: 2n ** 63n * 10n ** 9n - 1n });
const today = fc.bigInt({ min: 10n ** 18n, max: 10n ** 19n - 1n });
const text = fc.oneof(fc.string({ minLength: 1 }), fc.string({ unit: 'binary', minLength: 1 }));
const name = fc
  .oneof(fc.uint8Array({ minLength: 1, maxLength: 20 }), text)
  .map((bytes) => Buffer.from(bytes as string))
  .filter(isEntryName);
const extent = fc.record({ start: size, length: size });

function entry(times: fc.Arbitrary<bigint>, names: fc.Arbitrary<Buffer>) {
  const common = {
    name: names,
    mode: fc.nat(0o7777),
    uid: fc.nat(),
    gid: fc.nat(),
    size,
    nlink: fc.nat(),
    atimeNs: times,
    mtimeNs: times,
    ctimeNs: times,
  };
  const sha256 = fc.constantFrom('0123456789abcdef'.repeat(4), 'f'.repeat(64));
  const mime = fc.option(fc.constantFrom('text/plain', 'image/svg+xml'), { nil: undefined });
  const file = fc.record({ ...common, type: fc.constant('file' as const), offset: size, sha256 });
  return fc.oneof(
    fc.record({ ...common, type: fc.constant('directory' as const), section: extent }),
    fc.tuple(file, mime).map(([made, type]) => (type ? { ...made, mime: type } : made)),
  );
}

/** Behind any section of these. */
const FAR = 2 ** 51;
const endOf = ({ section }: Omit<IndexEntry, 'position'>): number =>
  section ? section.start + section.length : 0;

const lineOf = (made: Omit<IndexEntry, 'position'>): Buffer =>
  Buffer.from(encodeEntry(made).trimEnd());

/** What a listing shows of a file. */
const attributesOf = ({ mode, uid, gid, size, nlink, atimeNs, mtimeNs, ctimeNs }: Attributes) => ({
  ...{ mode, uid, gid, size, nlink, atimeNs, mtimeNs, ctimeNs },
});

type Attributes = Omit<IndexEntry, 'position' | 'name' | 'type'>;

function attributesIn(line: FileLine | undefined) {
  if (!line) return undefined;
  const { mode, uid, gid, size, nlink } = line;
  const [atimeNs, mtimeNs, ctimeNs] = [line.atime, line.mtime, line.ctime].map(
    ({ seconds, nanoseconds }) => BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
  );
  return { ...{ mode, uid, gid, size, nlink }, atimeNs, mtimeNs, ctimeNs };
}

test('ordinary files and directories are read without JSON.parse, and as it reads them', () => {
  const plain = fc.string({ minLength: 1, unit: fc.constantFrom(...'azAZ09._- é€') });
  const ordinary = entry(today, plain.map((chars) => Buffer.from(chars)).filter(isEntryName));
  const property = fc.property(ordinary, size, (made, from) => {
    const position = from + endOf(made);
    const line = lineOf(made);
    expect(scanLine(line, position)).toEqual(decodeJson(line, position));
    const text = Buffer.concat([Buffer.from('before\n'), line, Buffer.from('\nafter')]);
    for (const listed of [fileNameAt(text, 7), fileAt(text, 7)]) {
      const listedName = listed && text.subarray(listed.from, listed.to);
      expect(listedName).toEqual(made.type === 'file' ? made.name : undefined);
      if (listed) expect(listed.next).toBe(text.length - 'after'.length);
    }
    expect(attributesIn(fileAt(text, 7))).toEqual(
      made.type === 'file' ? attributesOf(made) : undefined,
    );
  });
  fc.assert(property, { numRuns });
});

test('whatever is read without JSON.parse is what JSON.parse reads, also of damaged lines', () => {
  const change = fc.tuple(fc.nat(400), fc.oneof(fc.nat(255), fc.constantFrom(...'"\\0-,}:')));
  const changes = fc.array(change, { maxLength: 3 });
  const property = fc.property(entry(fc.oneof(time, today), name), changes, (made, all) => {
    const line = Buffer.from(lineOf(made));
    for (const [at, byte] of all) {
      if (at < line.length) line[at] = typeof byte === 'string' ? byte.charCodeAt(0) : byte;
    }
    const scanned = scanLine(line, FAR);
    if (scanned) expect(scanned).toEqual(decodeJson(line, FAR));
    const listed = fileAt(Buffer.concat([line, Buffer.from('\n')]), 0);
    if (!listed) return;
    const whole = decodeJson(line, FAR) as IndexEntry;
    expect(line.subarray(listed.from, listed.to)).toEqual(whole.name);
    expect(attributesIn(listed)).toEqual(attributesOf(whole));
  });
  fc.assert(property, { numRuns });
});

test('a section that is not before its own line is refused: it could lead in a circle', () => {
  const property = fc.property(
    entry(today, name),
    fc.integer({ min: 1, max: 1000 }),
    (made, by) => {
      fc.pre(endOf(made) >= by);
      const position = endOf(made) - by;
      expect(scanLine(lineOf(made), position)).toBeUndefined();
      expect(() => decodeJson(lineOf(made), position)).toThrow('no entry at byte');
    },
  );
  fc.assert(property, { numRuns: 300 });
});

const plainFile = { ...{ mode: 0o644, uid: 0, gid: 0, size: 1, nlink: 1 }, type: 'file' } as const;
const ordinary = {
  ...plainFile,
  ...{ name: Buffer.from('name'), offset: 0, sha256: 'f'.repeat(64) },
  ...{ atimeNs: 10n ** 18n, mtimeNs: 10n ** 18n, ctimeNs: 10n ** 18n },
};
const extentOf = (start: number, length: number) => ({ start, length });
const symlink = { ...ordinary, type: 'symlink' as const };
const xattr = (text: string) => [Buffer.from(text), Buffer.from('value')] as const;

test.each<[string, Omit<IndexEntry, 'position'>]>([
  ['.', { ...ordinary, name: Buffer.from('.') }],
  ['..', { ...ordinary, name: Buffer.from('..') }],
  ['a slash', { ...ordinary, name: Buffer.from('../../outside/evil') }],
  ['an absolute path', { ...ordinary, name: Buffer.from('/etc/passwd') }],
  ['a NUL', { ...ordinary, name: Buffer.from('a\0b') }],
  ['raw bytes and a slash', { ...ordinary, name: Buffer.from([0xff, 0x2f, 0xfe]) }],
  ['256 bytes', { ...ordinary, name: Buffer.alloc(256, 'n') }],
  ['type bits in a mode', { ...ordinary, mode: 0o100644 }],
  ['a uid of 33 bits', { ...ordinary, uid: 2 ** 32 }],
  ['a gid of 33 bits', { ...ordinary, gid: 2 ** 32 }],
  ['a link count of 33 bits', { ...ordinary, nlink: 2 ** 32 }],
  ['a size of 54 bits', { ...ordinary, size: 2 ** 53 }],
  ['a time behind all', { ...ordinary, mtimeNs: 2n ** 63n * 10n ** 9n }],
  ['a symlink to nothing', { ...symlink, target: Buffer.alloc(0) }],
  ['a symlink with a NUL', { ...symlink, target: Buffer.from('a\0b') }],
  ['a symlink of a page', { ...symlink, target: Buffer.alloc(4096, 't') }],
  ['capabilities', { ...ordinary, xattrs: [xattr('security.capability')] }],
  ['an access list', { ...ordinary, xattrs: [xattr('user.a'), xattr('system.posix_acl_access')] }],
  ['an attribute without a name', { ...ordinary, xattrs: [xattr('user.')] }],
  ['overlapping data', { ...ordinary, size: 9, extents: [extentOf(0, 5), extentOf(4, 5)] }],
  ['data behind the end', { ...ordinary, size: 9, extents: [extentOf(5, 5)] }],
])('a line is refused, by each way to read it, for %s', (_, made) => {
  const line = lineOf(made);
  expect(() => decodeJson(line, 1000)).toThrow('no entry at byte 1000');
  expect(scanLine(line, 1000)).toBeUndefined();
  const ended = Buffer.concat([line, Buffer.from('\n')]);
  expect(fileAt(ended, 0)).toBeUndefined();
  const named = fileNameAt(ended, 0);
  if (named) expect(isEntryName(ended.subarray(named.from, named.to))).toBe(true);
});

test('a further name of what does not come before it is refused', () => {
  const line = Buffer.from('{"name":"again","link":1000}');
  expect(decodeJson(line, 1001)).toEqual({ name: Buffer.from('again'), link: 1000 });
  expect(() => decodeJson(line, 1000)).toThrow('no entry at byte 1000');
});
