/** A place on the screen, from 0; the first row of a pane is its title. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly columns: number;
  readonly rows: number;
}

export type PaneName = 'tasks' | 'files' | 'third';

/** Where panes are; one that has no area is not shown. */
export type Layout = Readonly<Partial<Record<PaneName, Area>>>;

/** Narrower than that, there is no room for tasks and files side by side. */
const BOTH_COLUMNS = 70;
/** A title and a line: no pane is lower. */
const LEAST_ROWS = 2;

/**
 * Tasks beside files, and the third pane below both. A narrow screen shows of tasks and files the
 * one that is used, a low one of all three. The last row of the screen is not part of it.
 */
export function layOut(
  columns: number,
  screenRows: number,
  focus: PaneName,
  hasThird: boolean,
): Layout {
  const rows = Math.max(screenRows - 1, 1);
  const whole = { left: 0, top: 0, columns, rows };
  const third = hasThird ? Math.floor(rows / 2) : 0;
  const isLow = hasThird && third < LEAST_ROWS;
  if (isLow) return { [focus]: whole };
  const upper = { ...whole, rows: rows - third };
  const lists = besideEachOther(upper, focus);
  return hasThird ? { ...lists, third: { ...whole, top: upper.rows, rows: third } } : lists;
}

function besideEachOther(area: Area, focus: PaneName): Layout {
  if (area.columns < BOTH_COLUMNS) return { [focus === 'tasks' ? 'tasks' : 'files']: area };
  const tasks = Math.floor(area.columns * 0.45);
  return {
    tasks: { ...area, columns: tasks },
    // Between them is a line.
    files: { ...area, left: tasks + 1, columns: area.columns - tasks - 1 },
  };
}

/** The pane at a place, and on which of its lines; -1 is its title. */
export function paneAt(
  layout: Layout,
  column: number,
  row: number,
): { name: PaneName; line: number } | undefined {
  for (const [name, { left, top, columns, rows }] of Object.entries(layout)) {
    const isIn = column >= left && column < left + columns && row >= top && row < top + rows;
    if (isIn) return { name: name as PaneName, line: row - top - 1 };
  }
  return undefined;
}
