import { TaskfsError } from '../errors.ts';
import { type PaxRecords, paxNumber } from './pax.ts';
import type { TarSource } from './ustar.ts';
import { BLOCK, padding } from './ustar.ts';

/** A run of bytes: of a file, where it holds data, or of the index. */
export interface Extent {
  readonly start: number;
  readonly length: number;
}

/**
 * The map of a file with holes in GNU's sparse format 1.0 (GNU tar manual, "PAX Format, Version
 * 1.0"). It stands before the data.
 */
export interface SparseMap {
  /** Bytes of the file, holes included. */
  readonly size: number;
  /** Bytes of the map itself. */
  readonly mapLength: number;
  /** The extents that hold data. */
  readonly extents: readonly Extent[];
}

/** The number of extents, then start and length of each, as decimal lines padded to blocks. */
export function encodeSparseMap(extents: readonly Extent[], size: number): Buffer {
  const last = extents.at(-1);
  const endsInHole = !last || last.start + last.length < size;
  const all = endsInHole ? [...extents, { start: size, length: 0 }] : extents;
  const numbers = all.flatMap(({ start, length }) => [start, length]);
  const text = `${[all.length, ...numbers].join('\n')}\n`;
  return Buffer.concat([Buffer.from(text), Buffer.alloc(padding(text.length))]);
}

/** Extents of a file; GNU tar writes a hundred thousand at most on file systems of blocks. */
const MAX_EXTENTS = 1_000_000;

/**
 * Reads the map of a member whose content begins at `at`; undefined for a file without holes.
 * Throws `damaged`, `failed`.
 */
export function readSparseMap(
  source: TarSource,
  pax: PaxRecords,
  at: number,
  length: number,
): SparseMap | undefined {
  const size = paxNumber(pax, 'GNU.sparse.realsize');
  const version = [pax.get('GNU.sparse.major'), pax.get('GNU.sparse.minor')].join('.');
  if (version !== '1.0') {
    const isOlder = [...pax.keys()].some((key) => key.startsWith('GNU.sparse.'));
    if (!isOlder) return undefined;
    throw new TaskfsError('failed', 'the tar has a sparse file of an old form, which is not read', {
      hint: 'GNU tar reads it.',
    });
  }
  if (size === undefined) throw malformed(at);
  const lines = new Lines(source, at, length);
  const count = lines.next();
  if (count > MAX_EXTENTS) throw malformed(at);
  const extents: Extent[] = [];
  let end = 0;
  for (let number = 0; number < count; number++) {
    const extent = { start: lines.next(), length: lines.next() };
    if (extent.start < end) throw malformed(at);
    end = extent.start + extent.length;
    if (extent.length > 0) extents.push(extent);
  }
  const mapLength = lines.length;
  const stored = extents.reduce((sum, extent) => sum + extent.length, 0);
  if (end > size || mapLength + stored !== length) throw malformed(at);
  return { size, mapLength, extents };
}

const malformed = (at: number): TaskfsError =>
  new TaskfsError('damaged', `the map of the sparse file at byte ${at} of the tar is malformed`);

/** Decimal numbers, a line each, read block after block. */
class Lines {
  private readonly source: TarSource;
  private readonly start: number;
  private readonly limit: number;
  private readonly block = Buffer.alloc(BLOCK);
  private used = BLOCK;
  /** Bytes of the blocks so far. */
  length = 0;

  constructor(source: TarSource, start: number, limit: number) {
    this.source = source;
    this.start = start;
    this.limit = limit;
  }

  next(): number {
    let value = 0;
    for (let digits = 0; ; digits++) {
      const byte = this.take();
      if (byte === 0x0a && digits > 0) return value;
      value = value * 10 + byte - 0x30;
      if (byte < 0x30 || byte > 0x39 || !Number.isSafeInteger(value)) throw malformed(this.start);
    }
  }

  private take(): number {
    if (this.used === BLOCK) {
      const isWhole = this.length + BLOCK <= this.limit;
      if (!isWhole || this.source.read(this.block, this.start + this.length) < BLOCK) {
        throw malformed(this.start);
      }
      this.length += BLOCK;
      this.used = 0;
    }
    return this.block[this.used++] ?? 0;
  }
}

// Searched rather than walked: a file may have many extents, and is read a little at a time.

/**
 * The first extent that ends after `offset`, of extents in order; their number where none does.
 */
export function firstEndingAfter(extents: readonly Extent[], offset: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { start, length } = extents[middle] ?? { start: 0, length: 0 };
    if (start + length > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

const known = new WeakMap<readonly Extent[], Float64Array>();

/** For each extent, how many bytes those before it hold. */
export function bytesBefore(extents: readonly Extent[]): Float64Array {
  const found = known.get(extents);
  if (found) return found;
  const before = new Float64Array(extents.length);
  let sum = 0;
  extents.forEach(({ length }, index) => {
    before[index] = sum;
    sum += length;
  });
  known.set(extents, before);
  return before;
}
