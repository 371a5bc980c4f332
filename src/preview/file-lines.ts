import type { StyledLine } from '../terminal/index.ts';
import type { ArchiveListing } from './archive.ts';
import { type ContentType, HEAD_BYTES } from './content-type.ts';
import { highlightedLines } from './highlight.ts';
import { markdownLines } from './markdown.ts';
import { type ByteSource, readHead } from './source.ts';
import { hexLines, shown, span, splitLines } from './styled-lines.ts';
import { parseRows, rowsOfJsonLines, tableLines } from './table.ts';

/** How much of a file is shown, and how. */
export interface Extent {
  readonly lines: number;
  readonly columns: number;
  /** Whether times in it are shown in UTC; else in the time zone of this process. */
  readonly utc?: boolean;
}

/**
 * The beginning of a file as lines for a terminal: Markdown laid out, values as a table, other
 * text with its syntax in colours, an archive as its listing, anything else as bytes.
 */
export async function fileLines(
  name: string,
  type: ContentType,
  source: ByteSource,
  listing: ArchiveListing | undefined,
  { lines, columns, utc = false }: Extent,
): Promise<StyledLine[]> {
  if (listing) return listingLines(listing, lines, utc);
  const head = readHead(source, HEAD_BYTES);
  if (!type.isText) return hexLines(head, lines);
  const text = head.toString('utf8');
  if (type.view === 'markdown') return (await markdownLines(text, columns)).slice(0, lines);
  if (type.view === 'table') return tableOf(name, text, type.mime, lines);
  return highlightedLines(name, text, lines);
}

async function tableOf(name: string, text: string, mime: string, lines: number) {
  const isJson = mime === 'application/jsonl';
  const rows = isJson
    ? rowsOfJsonLines(splitLines(text, lines))
    : await parseRows(text, mime, lines);
  return rows ? tableLines(rows).slice(0, lines) : highlightedLines(name, text, lines);
}

function listingLines(
  { entries, isWhole }: ArchiveListing,
  atMost: number,
  utc: boolean,
): StyledLine[] {
  const some = entries.slice(0, atMost);
  const width = Math.max(0, ...some.map(({ size }) => String(size).length));
  const rows = some.map(({ path, size, mtimeMs }) => [
    span(`${String(size).padStart(width)}  ${timeOf(mtimeMs, utc)}  `, 'dim'),
    span(nameOf(path)),
  ]);
  const left = entries.length - some.length;
  if (left > 0) return [...rows, [span(`… and ${left} more`, 'dim')]];
  return isWhole ? rows : [...rows, [span('… and perhaps more', 'dim')]];
}

/** Names in archives are bytes, of no certain charset. */
const nameOf = (path: Buffer): string => shown(path.toString('utf8'));

function timeOf(ms: number, utc: boolean): string {
  if (!Number.isFinite(ms)) return ''.padEnd(16);
  const offsetMs = utc ? 0 : new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offsetMs).toISOString().slice(0, 16).replace('T', ' ');
}
