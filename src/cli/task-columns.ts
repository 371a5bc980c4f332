import { TaskfsError } from '../errors.ts';
import { showDuration } from '../quantities.ts';
import { showCommand, showStatus, type TaskView } from '../runner/index.ts';
import { isFinal } from '../store/index.ts';
import { type Colour, paint, type Words } from './words.ts';

const columns = {
  task: (task) => paintTask(task, task.task),
  status: (task) => paintTask(task, showStatus(task)),
  files: ({ plaintext, artifacts }) => (plaintext ? 'sealed, plaintext left' : artifacts),
  created: ({ createdAt }) => ago(createdAt),
  took,
  ended: ({ endedAt }) => (endedAt === null ? '' : ago(endedAt)),
  exit: ({ exitCode, signal }) => String(exitCode ?? signal ?? ''),
  reason: ({ reason, sealError }) => sealError ?? reason ?? '',
  engine: ({ engine }) => engine,
  image: ({ image }) => image ?? '',
  container: ({ container }) => container ?? '',
  labels: ({ labels = {} }) =>
    Object.entries(labels)
      .map((pair) => pair.join('='))
      .join(','),
  after: ({ after = [] }) => after.join(','),
  group: ({ group = '' }) => group,
  priority: ({ priority = 0 }) => String(priority),
  pinned: ({ pinned }) => (pinned ? 'pinned' : ''),
  directory: ({ cwd }) => cwd ?? '',
  command: ({ command }) => showCommand(command),
} as const satisfies Readonly<Record<string, (task: TaskView) => Words>>;

/** What can be shown of a task in a line of a table. */
export type Column = keyof typeof columns;

export const COLUMNS = Object.keys(columns) as readonly Column[];

/** The cell of a task in a column. */
export const cellOf = (task: TaskView, column: Column): Words => columns[column](task);

/** Columns from `task,status,command`. Throws `usage` for one that is not known. */
export function parseColumns(text: string): Column[] {
  return text.split(',').map((name) => {
    const column = COLUMNS.find((each) => each === name.trim().toLowerCase());
    if (column) return column;
    throw new TaskfsError('usage', `there is no column '${name}'`, {
      hint: `There are ${COLUMNS.join(', ')}.`,
    });
  });
}

const ago = (time: string): string => `${showDuration(Date.now() - Date.parse(time))} ago`;

function took({ startedAt, endedAt, status }: TaskView): string {
  if (startedAt === null) return '';
  const end = isFinal(status) && endedAt !== null ? Date.parse(endedAt) : Date.now();
  return showDuration(end - Date.parse(startedAt));
}

/** Live tasks are green, archived ones plain, those that need somebody yellow. */
export function colourOf({ artifacts, plaintext }: TaskView): Colour | undefined {
  if (artifacts === 'kept' || plaintext) return 'yellow';
  return artifacts === 'sealed' ? undefined : 'green';
}

export function paintTask(task: TaskView, text: string): Words {
  const colour = colourOf(task);
  return colour ? paint(colour, text) : text;
}
