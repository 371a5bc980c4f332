import { fitTo, type StyledLine, widthOfLine } from '../terminal/index.ts';
import { shown, span } from './styled-lines.ts';

/** No column is wider, while there are others. */
const WIDEST = 40;

/** Rows as aligned columns, the first one as the head. */
export function tableLines(rows: readonly (readonly string[])[]): StyledLine[] {
  const cells = rows.map((row) => row.map((cell) => shown(cell.replace(/\r?\n/g, ' '))));
  const widths = widthsOf(cells);
  const [head, ...body] = cells.map((row) => rowText(row, widths));
  if (head === undefined) return [];
  const rule = widths.map((width) => '─'.repeat(width)).join('─┼─');
  return [[span(head, 'bold')], [span(rule, 'dim')], ...body.map((row) => [span(row)])];
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) {
      widths[at] = Math.min(WIDEST, Math.max(widths[at] ?? 0, widthOf(cell)));
    }
  }
  return widths;
}

const widthOf = (cell: string): number => widthOfLine([{ text: cell }]);

const rowText = (row: readonly string[], widths: readonly number[]): string =>
  widths.map((width, at) => fitTo(row[at] ?? '', width)).join(' │ ');

/** The rows of comma- or tab-separated values, at most so many. */
export async function parseRows(text: string, mime: string, atMost: number): Promise<string[][]> {
  const { default: papa } = await import('papaparse');
  const delimiter = mime === 'text/tab-separated-values' ? '\t' : '';
  return papa.parse<string[]>(text, { delimiter, preview: atMost, skipEmptyLines: true }).data;
}

/** JSON Lines as rows: a column for each key, in the order in which they come. */
export function rowsOfJsonLines(lines: readonly string[]): string[][] | undefined {
  const values = lines.map(parseObject);
  if (values.length === 0 || values.includes(undefined)) return undefined;
  const objects = values.filter((value) => value !== undefined);
  const keys = [...new Set(objects.flatMap((value) => Object.keys(value)))];
  return [keys, ...objects.map((value) => keys.map((key) => cellOf(value[key])))];
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const cellOf = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
