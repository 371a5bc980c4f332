import {
  type Capabilities,
  fitLine,
  paintLine,
  type Style,
  type StyledLine,
  widthOfLine,
} from '../terminal/index.ts';
import type { Area, PaneName } from './layout.ts';
import type { PaneLine, PaneView } from './pane.ts';

/** The lines of a pane, each as wide as its area; the first one is its title. */
export function paneLines(
  { title, lines }: PaneView,
  { columns, rows }: Area,
  hasFocus: boolean,
  capabilities: Capabilities,
): string[] {
  const head: Style[] = hasFocus ? ['bold', 'inverse'] : ['underline'];
  const painted = [paint([{ text: ' ' }, ...title], columns, capabilities, head)];
  for (let at = 0; at < rows - 1; at++) {
    painted.push(paneLine(lines[at] ?? NO_LINE, columns, hasFocus, capabilities));
  }
  return painted;
}

const NO_LINE: PaneLine = { left: [], right: '' };
/** What stands left of the columns at the right has that many columns at least. */
const LEAST_LEFT = 16;

function paneLine(
  { left, right, isChosen }: PaneLine,
  columns: number,
  hasFocus: boolean,
  capabilities: Capabilities,
): string {
  const base: Style[] = isChosen ? (hasFocus ? ['inverse'] : ['bold', 'underline']) : [];
  const width = widthOfLine([{ text: right }]);
  if (width === 0 || columns < width + LEAST_LEFT) return paint(left, columns, capabilities, base);
  return (
    paint(left, columns - width, capabilities, base) +
    paint([{ text: right }], width, capabilities, base)
  );
}

const paint = (
  line: StyledLine,
  columns: number,
  capabilities: Capabilities,
  base: readonly Style[],
): string => paintLine(fitLine(line, columns, capabilities.charset, base), capabilities);

/** The rows of the screen above the last one. */
export function composeFrame(
  painted: Readonly<Partial<Record<PaneName, readonly string[]>>>,
  capabilities: Capabilities,
): string[] {
  const line = paintLine([{ text: '│', styles: ['dim'] }], capabilities);
  const { tasks, files, third } = painted;
  const upper =
    tasks && files
      ? tasks.map((left, row) => left + line + (files[row] ?? ''))
      : [...(tasks ?? files ?? [])];
  return [...upper, ...(third ?? [])];
}

/** The last line: what was said last, or as many keys as there is room for. */
export function lastLine(
  message: StyledLine | undefined,
  keys: readonly string[],
  columns: number,
  capabilities: Capabilities,
): string {
  if (message) return paint(message, columns, capabilities, []);
  return paint([{ text: keyLine(keys, columns), styles: ['dim'] }], columns, capabilities, []);
}

/** As many keys as there is room for; closer together where they do not fit otherwise. */
function keyLine(keys: readonly string[], columns: number): string {
  const wide = keys.join('  ');
  if (wide.length <= columns) return wide;
  let line = '';
  for (const key of keys) {
    const longer = line === '' ? key : `${line} ${key}`;
    if (longer.length > columns) break;
    line = longer;
  }
  return line;
}
