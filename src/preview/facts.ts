import { showBytes } from '../quantities.ts';
import { type ArchiveListing, listArchive } from './archive.ts';
import type { ContentType } from './content-type.ts';
import { MAX_PICTURE_BYTES } from './sharp.ts';
import { type ByteSource, readAt, readHead } from './source.ts';
import { shown } from './styled-lines.ts';
import { readPictureFacts } from './thumbnail.ts';

/** What a file says of itself, by its kind; what is not known is absent. */
export interface Facts {
  /** Of a picture or video, in pixels. */
  readonly width?: number;
  readonly height?: number;
  /** Of an animated picture. */
  readonly frames?: number;
  /** Of audio and video, in seconds. */
  readonly duration?: number;
  readonly container?: string;
  readonly codec?: string;
  readonly sampleRate?: number;
  readonly channels?: number;
  readonly title?: string;
  readonly artist?: string;
  /** Of a PDF: its version and how many pages it has. */
  readonly version?: string;
  readonly pages?: number;
  /** Of an archive: how many names, and their bytes unpacked; those that were read. */
  readonly entries?: number;
  readonly unpackedBytes?: number;
  /** Why there are no more facts. */
  readonly trouble?: string;
}

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

/** What players need to know may stand at the end; a larger file is looked at up to there. */
const MAX_BYTES = 64 * 1024 * 1024;

/** What audio and video say of themselves; nothing where that cannot be read. */
async function readMediaFacts(mime: string, source: ByteSource): Promise<Facts> {
  const { parseBuffer } = await import('music-metadata');
  const head = readHead(source, MAX_BYTES);
  const about = { mimeType: mime, size: source.size };
  const parsed = await parseBuffer(head, about, { skipCovers: true }).catch(() => undefined);
  if (!parsed) return {};
  const { duration, container, codec, sampleRate, numberOfChannels: channels } = parsed.format;
  const { title, artist } = parsed.common;
  const all = { duration, container, codec, sampleRate, channels, title, artist };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** The tree of pages, or what says how many there are, stands near one of its ends. */
const END_BYTES = 1024 * 1024;

/**
 * The version of a PDF and how many pages it has, where that can be read as it is: the number of
 * a linearized file, else the largest count of a page tree. In some files that is compressed.
 */
function readPdfFacts(source: ByteSource): Facts {
  const head = readHead(source, END_BYTES).toString('latin1');
  const tail = readAt(source, Math.max(0, source.size - END_BYTES), END_BYTES).toString('latin1');
  const version = /^%PDF-(\d\.\d)/.exec(head)?.[1];
  const pages = linearizedPages(head) ?? largestCount(head + tail);
  return { ...(version ? { version } : {}), ...(pages === undefined ? {} : { pages }) };
}

function linearizedPages(head: string): number | undefined {
  const [, dictionary] = /<<([^>]*\/Linearized[^>]*)>>/.exec(head.slice(0, 1024)) ?? [];
  const [, pages] = /\/N\s+(\d+)/.exec(dictionary ?? '') ?? [];
  return pages === undefined ? undefined : Number(pages);
}

function largestCount(text: string): number | undefined {
  const trees = text.matchAll(/<<(?:[^<>]|<<[^<>]*>>)*\/Type\s*\/Pages\b(?:[^<>]|<<[^<>]*>>)*>>/g);
  const counts = Array.from(trees, ([tree]) => Number(/\/Count\s+(\d+)/.exec(tree)?.[1] ?? 0));
  return counts.length === 0 ? undefined : Math.max(...counts);
}

/** Facts in words for a person, each a few. */
export function showFacts(facts: Facts): string[] {
  const { width, height, frames, duration, container, codec, sampleRate, channels } = facts;
  const { title, artist, version, pages, entries, unpackedBytes, trouble } = facts;
  const words = [
    width !== undefined && height !== undefined && `${width} × ${height}`,
    frames !== undefined && `${frames} frames`,
    container,
    codec !== container && codec,
    duration !== undefined && showSeconds(duration),
    sampleRate !== undefined && `${sampleRate / 1000} kHz`,
    channels !== undefined && counted(channels, 'channel'),
    version !== undefined && `version ${version}`,
    pages !== undefined && counted(pages, 'page'),
    entries !== undefined && `${counted(entries, 'entry', 'entries')}`,
    unpackedBytes !== undefined && `${showBytes(unpackedBytes)} unpacked`,
    artist,
    title,
    trouble,
  ];
  return words.filter((word) => typeof word === 'string').map(shown);
}

const counted = (count: number, one: string, more = `${one}s`): string =>
  `${count} ${count === 1 ? one : more}`;

/** `0:07`, `12:30`, `1:02:03`. */
function showSeconds(duration: number): string {
  const whole = Math.round(duration);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = pad(whole % 60);
  return hours > 0 ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`;
}
