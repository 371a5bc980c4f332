import { useEffect, useState } from 'preact/hooks';
import { showBytes } from '../../../quantities.ts';
import type { ViewProps } from '../content.ts';
import { useText, WINDOW } from '../content.ts';
import { VirtualList } from '../virtual-list.tsx';

const ROW_HEIGHT = 24;
/** Columns are as wide as the widest of so many first rows, and no wider than that. */
const MEASURED = 200;
const MAX_WIDTH = 40;

interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** CSV, tab-separated values or JSON Lines as a table. */
export function TableView({ task, facts }: ViewProps) {
  const { text, content, problem } = useText(task, facts);
  const [table, setTable] = useState<Table>();
  const isJson = facts.mime === 'application/jsonl';
  useEffect(() => {
    let isCurrent = true;
    if (text === undefined) return;
    void (isJson ? Promise.resolve(jsonLines(text)) : separated(text)).then((made) => {
      if (isCurrent) setTable(made);
    });
    return () => {
      isCurrent = false;
    };
  }, [text, isJson]);
  if (!table) return <p class="faint">{problem ?? 'reading…'}</p>;
  const { columns, rows } = table;
  const layout = {
    gridTemplateColumns: widthsOf(table)
      .map((width) => `${width}ch`)
      .join(' '),
  };
  return (
    <div class="fill">
      <p class="bar faint">
        {rows.length} rows, {columns.length} columns
        {content && content.size > WINDOW && `, of the first ${showBytes(WINDOW)}`}
      </p>
      <VirtualList
        isWide
        class="table"
        count={rows.length}
        rowHeight={ROW_HEIGHT}
        role="table"
        aria-label={facts.path}
        aria-rowcount={rows.length + 1}
        tabIndex={0}
        head={
          <div role="row" class="table-row head" style={layout}>
            {columns.map((column, at) => (
              <span role="columnheader" key={at}>
                {column}
              </span>
            ))}
          </div>
        }
        row={(index) => (
          <div
            role="row"
            key={index}
            aria-rowindex={index + 2}
            class="table-row"
            style={{ ...layout, height: `${ROW_HEIGHT}px` }}
          >
            {columns.map((_, at) => (
              <span role="cell" key={at} title={rows[index]?.[at]}>
                {rows[index]?.[at]}
              </span>
            ))}
          </div>
        )}
      />
    </div>
  );
}

async function separated(text: string): Promise<Table> {
  const { default: papa } = await import('papaparse');
  const { data } = papa.parse<string[]>(text, { skipEmptyLines: true });
  const [first = [], ...rows] = data;
  return { columns: first, rows };
}

/** One column for each name that the objects have; a line that is none goes into the first. */
function jsonLines(text: string): Table {
  const values = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(parseLine);
  const columns = [...new Set(values.flatMap((value) => Object.keys(value)))];
  return { columns, rows: values.map((value) => columns.map((column) => cell(value[column]))) };
}

function parseLine(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : { value };
  } catch {
    return { value: line };
  }
}

function cell(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function widthsOf({ columns, rows }: Table): number[] {
  return columns.map((column, at) => {
    const cells = rows.slice(0, MEASURED).map((row) => row[at]?.length ?? 0);
    return Math.min(MAX_WIDTH, Math.max(column.length, ...cells) + 2);
  });
}
