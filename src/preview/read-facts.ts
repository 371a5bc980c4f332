import { type ArchiveListing, listArchive } from './archive.ts';
import type { ContentType } from './content-type.ts';
import type { Facts } from './facts.ts';
import { readMediaFacts } from './media.ts';
import { readPdfFacts } from './pdf.ts';
import { MAX_PICTURE_BYTES } from './sharp.ts';
import { type ByteSource, readHead } from './source.ts';
import { readPictureFacts } from './thumbnail.ts';

/** A file's facts, and of an archive its listing. */
export interface Findings {
  readonly facts: Facts;
  readonly listing: ArchiveListing | undefined;
}

/** Reads the facts of a file. Throws what reading it throws, and `damaged`, `failed`. */
export async function readFacts(type: ContentType, source: ByteSource): Promise<Findings> {
  const listing = type.view === 'bytes' ? await listArchive(type.mime, source) : undefined;
  return { facts: listing ? factsOf(listing) : await factsByView(type, source), listing };
}

function factsOf({ entries }: ArchiveListing): Facts {
  const unpackedBytes = entries.reduce((sum, { size }) => sum + size, 0);
  return { entries: entries.length, unpackedBytes };
}

async function factsByView(type: ContentType, source: ByteSource): Promise<Facts> {
  switch (type.view) {
    case 'picture':
      return isDecoded(type) ? readPictureFacts(readHead(source, MAX_PICTURE_BYTES)) : {};
    case 'pdf':
      return readPdfFacts(source);
    case 'audio':
    case 'video':
      return readMediaFacts(type.mime, source);
    default:
      return {};
  }
}

/** Whether a picture is one that is decoded: SVG is a program for a browser. */
export const isDecoded = ({ view, mime }: ContentType): boolean =>
  view === 'picture' && mime !== 'image/svg+xml';
