/**
 * One row of figures: a name and a number for each column, undefined where it was not measured.
 */
export interface Row {
  readonly name: string;
  readonly values: readonly (number | undefined)[];
}

/**
 * A table in Markdown, so that a run can be pasted into docs/performance.md: its head, and its
 * rows.
 */
export const header = (columns: readonly string[]): readonly string[] => [
  line(['', ...columns]),
  line(['---', ...columns.map(() => '---:')]),
];

export const rowLine = ({ name, values }: Row): string => line([name, ...values.map(show)]);

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function show(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** The middle of some figures: one slow round on a busy machine does not count. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
