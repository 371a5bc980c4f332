import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeJson, encodeEntry, type IndexEntry } from '../../src/store/seal/index-entry.ts';
import { type FileLine, fileAt, fileNameAt, scanLine } from '../../src/store/seal/index-line.ts';

const numRuns = process.env.TASKFS_LONG === '1' ? 200_000 : 3000;
const size = fc.integer({ min: 0, max: 2 ** 49 });
const time = fc.bigInt({ min: -(10n ** 19n), max: 10n ** 20n - 1n });
const today = fc.bigInt({ min: 10n ** 18n, max: 10n ** 19n - 1n });
const text = fc.oneof(fc.string({ minLength: 1 }), fc.string({ unit: 'binary', minLength: 1 }));
const name = fc
  .oneof(fc.uint8Array({ minLength: 1, maxLength: 20 }), text)
  .map((bytes) => Buffer.from(bytes as string));
const stretch = fc.record({ start: size, length: size });

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
    fc.record({ ...common, type: fc.constant('directory' as const), section: stretch }),
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
  const ordinary = entry(
    today,
    plain.map((chars) => Buffer.from(chars)),
  );
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
