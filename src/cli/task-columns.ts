import { TaskfsError } from '../errors.ts';
import { showBytes, showDuration } from '../quantities.ts';
import { durationOf, showCommand, showStatus, type TaskView } from '../runner/index.ts';
import { type Colour, paint, type Words } from './styled-text.ts';

/** A task, and what it takes, in bytes, where that was asked for. */
export type ListedTask = TaskView & { readonly size?: number };

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
  size: ({ size }) => (size === undefined ? '' : showBytes(size)),
  directory: ({ cwd }) => cwd ?? '',
  command: ({ command }) => showCommand(command),
} as const satisfies Readonly<Record<string, (task: ListedTask) => Words>>;

/** What can be shown of a task in a line of a table. */
export type Column = keyof typeof columns;

export const COLUMNS = Object.keys(columns) as readonly Column[];

/** The cell of a task in a column. */
export const cellOf = (task: ListedTask, column: Column): Words => columns[column](task);

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

function took(task: TaskView): string {
  const duration = durationOf(task);
  return duration === null ? '' : showDuration(duration);
}

/** Live tasks are green, archived ones plain, those that need somebody yellow. */
function colourOf({ artifacts, plaintext }: TaskView): Colour | undefined {
  if (artifacts === 'kept' || plaintext) return 'yellow';
  return artifacts === 'sealed' ? undefined : 'green';
}

export function paintTask(task: TaskView, text: string): Words {
  const colour = colourOf(task);
  return colour ? paint(colour, text) : text;
}
