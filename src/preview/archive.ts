import { Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { messageOf, TaskfsError } from '../errors.ts';
import { readTar } from '../tar/index.ts';
import { type ByteSource, readAt, readHead } from './source.ts';

/** One name in an archive. */
export interface ArchiveEntry {
  /** Raw bytes. */
  readonly path: Buffer;
  /** Bytes, unpacked. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly mtimeMs: number;
}

/** The beginning of an archive's listing, or the whole of it. */
export interface ArchiveListing {
  readonly entries: readonly ArchiveEntry[];
  readonly isWhole: boolean;
}

/** More entries are not read. */
const MAX_ENTRIES = 10_000;
/** Of a compressed tar, so much is unpacked, in memory. */
const MAX_UNPACKED = 32 * 1024 * 1024;

/** What is in a zip or tar, also a tar in gzip or zstd; undefined where it is nothing of these. */
export async function listArchive(
  mime: string,
  source: ByteSource,
): Promise<ArchiveListing | undefined> {
  if (isZip(readHead(source, 4))) return listZip(source);
  if (mime === 'application/x-tar') return listTar(source, true);
  const unpack = UNPACKERS[mime]?.();
  if (!unpack) return undefined;
  const { bytes, isWhole } = await unpacked(source, unpack);
  return looksLikeTar(bytes) ? listTar(sourceOf(bytes), isWhole) : undefined;
}

const UNPACKERS: Readonly<Record<string, () => Transform>> = {
  'application/gzip': createGunzip,
  'application/zstd': createZstdDecompress,
};

/** A local header comes first, or of an empty zip the end of its directory. */
const isZip = (head: Buffer): boolean =>
  ['PK\x03\x04', 'PK\x05\x06'].includes(head.toString('latin1', 0, 4));

/** The magic of ustar and GNU tars, in the first header. */
const looksLikeTar = (bytes: Buffer): boolean => bytes.toString('latin1', 257, 262) === 'ustar';

function listTar(source: ByteSource, isWhole: boolean): ArchiveListing {
  const entries: ArchiveEntry[] = [];
  try {
    for (const { path, size, mtimeNs } of readTar(source)) {
      if (entries.length === MAX_ENTRIES) return { entries, isWhole: false };
      entries.push({ path, size, mtimeMs: Number(mtimeNs / 1_000_000n) });
    }
  } catch (error) {
    // Of what was not unpacked to its end, the end is missing.
    if (!(error instanceof TaskfsError) || entries.length === 0) throw error;
    return { entries, isWhole: false };
  }
  return { entries, isWhole };
}

async function listZip(source: ByteSource): Promise<ArchiveListing> {
  const { fromRandomAccessReaderPromise } = await import('yauzl');
  const reader = await zipReader(source);
  const entries: ArchiveEntry[] = [];
  try {
    const zip = await fromRandomAccessReaderPromise(reader, source.size, { decodeStrings: false });
    for await (const entry of zip.eachEntry()) {
      if (entries.length === MAX_ENTRIES) return { entries, isWhole: false };
      const { fileNameRaw: path, uncompressedSize: size } = entry;
      entries.push({ path, size, mtimeMs: entry.getLastModDate().getTime() });
    }
  } catch (cause) {
    throw new TaskfsError('damaged', `the zip cannot be read: ${messageOf(cause)}`, { cause });
  }
  return { entries, isWhole: true };
}

async function zipReader(source: ByteSource) {
  const { RandomAccessReader } = await import('yauzl');
  return new (class extends RandomAccessReader {
    override read(
      into: Buffer,
      offset: number,
      length: number,
      position: number,
      done: (error: Error | null) => void,
    ): void {
      const got = readAt(source, position, length).copy(into, offset);
      done(got === length ? null : new Error('it ends too early'));
    }
  })();
}

const sourceOf = (bytes: Buffer): ByteSource => ({
  size: bytes.length,
  read: (into, offset) => bytes.copy(into, 0, offset),
});

/** The beginning of what a compressed file unpacks to. Throws `damaged`. */
async function unpacked(
  source: ByteSource,
  stream: Transform,
): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of Readable.from(blocks(source)).compose(stream)) {
      parts.push(part);
      length += part.length;
      if (length >= MAX_UNPACKED) return { bytes: Buffer.concat(parts), isWhole: false };
    }
  } catch (cause) {
    // A file that is being written ends in the middle.
    if (length > 0) return { bytes: Buffer.concat(parts), isWhole: false };
    throw new TaskfsError('damaged', `it cannot be unpacked: ${messageOf(cause)}`, { cause });
  }
  return { bytes: Buffer.concat(parts), isWhole: true };
}

const BLOCK = 256 * 1024;

function* blocks(source: ByteSource): Generator<Buffer> {
  for (let at = 0; at < source.size; at += BLOCK) yield readAt(source, at, BLOCK);
}
