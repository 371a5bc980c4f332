/** One row of figures: a name and a number for each column, undefined where it was not measured. */
export interface Row {
  readonly name: string;
  readonly values: readonly (number | undefined)[];
}

/** A table in Markdown, so that a run can be pasted into docs/performance.md. */
export function markdown(columns: readonly string[], rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(['', ...columns]),
    line(['---', ...columns.map(() => '---:')]),
    ...rows.map(({ name, values }) => line([name, ...values.map(show)])),
  ].join('\n');
}

function show(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** The middle of some figures: one slow round on a busy machine does not count. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
