import type { Situation } from './situation.ts';
import type { Row } from './table.ts';

/** What a column has to reach beside another one in some rows. */
interface Bar {
  readonly column: string;
  readonly beside: string;
  /** Beginnings of the rows' names; none: all of them. */
  readonly rows: readonly string[];
  /** How often the time of the one must go into that of the other. */
  readonly least: number;
}

const USER_ROWS = ['create', 'unlink', 'git status', 'rg', 'grep -r'];

/** How fast live directories are to be: attached ones as root, others beside bindfs. */
const barsIn = (situation: Situation): readonly Bar[] => [
  { column: 'attach', beside: 'native', rows: [], least: 0.95 },
  { column: 'kernel', beside: 'bindfs', rows: USER_ROWS, least: situation === 'free' ? 1.3 : 0.9 },
  { column: 'kernel', beside: 'native', rows: ['git status'], least: 1 / 1.5 },
];

/** One line for each bar and row; none where a column is missing. */
export function barLines(
  columns: readonly string[],
  rows: readonly Row[],
  situation: Situation,
): readonly string[] {
  return barsIn(situation).flatMap(({ column, beside, rows: names, least }) => {
    const [one, other] = [columns.indexOf(column), columns.indexOf(beside)];
    return rows
      .filter(({ name }) => names.length === 0 || names.some((start) => name.startsWith(start)))
      .flatMap(({ name, values }) => {
        const [time, besideTime] = [values[one], values[other]];
        if (time === undefined || besideTime === undefined) return [];
        const ratio = besideTime / time;
        const verdict = ratio >= least ? 'met' : 'NOT MET';
        const bar = `${ratio.toFixed(2)}× ${beside} (bar: ${least.toFixed(2)}×)`;
        return [`${verdict}: ${column}, ${name}: ${bar}`];
      });
  });
}
