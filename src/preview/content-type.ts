import { isUtf8 } from 'node:buffer';
import type { FileView } from '../file-view.ts';

/** What a file is. */
export interface ContentType {
  /** A media type, without parameters. */
  readonly mime: string;
  readonly view: FileView;
  /** Whether its beginning is UTF-8 text. */
  readonly isText: boolean;
}

/** As many of a file's first bytes as `detectContentType` wants to see. */
export const HEAD_BYTES = 64 * 1024;

/**
 * What a file is, by its first bytes, and by its name (raw bytes) where these are text or
 * unknown. A name never makes text of what is not.
 */
export async function detectContentType(name: Uint8Array, head: Buffer): Promise<ContentType> {
  const isText = looksLikeText(head);
  const named = await typeOfName(name);
  if (!isText) {
    const { fileTypeFromBuffer } = await import('file-type');
    // Of a file that is cut off in the middle, only the beginning counts.
    const found = await fileTypeFromBuffer(head).catch(() => undefined);
    const mime = found?.mime ?? (named?.startsWith('text/') ? undefined : named);
    return contentType(mime ?? 'application/octet-stream', false);
  }
  const beginning = head.toString('latin1');
  if (beginning.startsWith('%PDF-')) return contentType('application/pdf', false);
  if (isSvg(beginning)) return contentType('image/svg+xml', true);
  return contentType(named && isTextual(named) ? named : 'text/plain', true);
}

/** The last bytes may be the beginning of a character that was cut. */
export function looksLikeText(head: Buffer): boolean {
  if (head.includes(0)) return false;
  return [0, 1, 2, 3].some((cut) => isUtf8(head.subarray(0, head.length - cut)));
}

/** Endings that `mime` does not know, or takes for something else: `.ts` for MPEG streams. */
const BY_ENDING: Readonly<Record<string, string>> = {
  ipynb: 'application/x-ipynb+json',
  jsonl: 'application/jsonl',
  ndjson: 'application/jsonl',
  tsv: 'text/tab-separated-values',
  ts: 'text/x-typescript',
  tsx: 'text/x-typescript',
  mts: 'text/x-typescript',
  rs: 'text/x-rust',
  log: 'text/plain',
};

async function typeOfName(name: Uint8Array): Promise<string | undefined> {
  const text = Buffer.from(name).toString();
  const ending = text.slice(text.lastIndexOf('.') + 1).toLowerCase();
  const own = Object.hasOwn(BY_ENDING, ending) ? BY_ENDING[ending] : undefined;
  if (own !== undefined) return own;
  const { default: mime } = await import('mime');
  return mime.getType(text) ?? undefined;
}

/** What may stand before an XML document's first element, and how it ends. */
const PROLOG: readonly (readonly [begin: string, end: string])[] = [
  ['<?', '?>'],
  ['<!--', '-->'],
  ['<!', '>'],
];

function isSvg(text: string): boolean {
  let rest = text.trimStart();
  for (;;) {
    const part = PROLOG.find(([begin]) => rest.startsWith(begin));
    if (!part) return /^<svg[\s/>]/i.test(rest);
    const end = rest.indexOf(part[1]);
    if (end === -1) return false;
    rest = rest.slice(end + part[1].length).trimStart();
  }
}

/** Media types of text that do not begin with `text/`. */
const isTextual = (mime: string): boolean =>
  /^text\/|[/+](?:json|jsonl|xml|yaml|toml|javascript|sql|x-sh|x-tex)$/.test(mime);

const VIEWS: Readonly<Record<string, FileView>> = {
  'image/png': 'picture',
  'image/apng': 'picture',
  'image/jpeg': 'picture',
  'image/webp': 'picture',
  'image/gif': 'picture',
  'image/avif': 'picture',
  'image/svg+xml': 'picture',
  'application/pdf': 'pdf',
  'text/markdown': 'markdown',
  'text/html': 'html',
  'text/csv': 'table',
  'text/tab-separated-values': 'table',
  'application/jsonl': 'table',
  'application/json': 'json',
  'application/x-ipynb+json': 'notebook',
};

function contentType(mime: string, isText: boolean): ContentType {
  return { mime, isText, view: viewOf(mime, isText) };
}

function viewOf(mime: string, isText: boolean): FileView {
  const view = VIEWS[mime];
  if (view !== undefined) return view;
  if (isText) return 'text';
  if (mime.startsWith('audio/')) return 'audio';
  return mime.startsWith('video/') ? 'video' : 'bytes';
}
