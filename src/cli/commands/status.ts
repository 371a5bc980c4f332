import { showDuration } from '../../quantities.ts';
import {
  isInterrupted,
  showCommand,
  showStatus,
  type TaskView,
  viewTask,
} from '../../runner/index.ts';
import type { Attempt } from '../../store/index.ts';
import { addTask, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine } from '../output.ts';
import { table, type Words } from '../styled-text.ts';
import { paintTask } from '../task-columns.ts';
import { showTime, type Zone } from '../units.ts';

export const command = defineCommand({
  examples: [
    ['taskfs status build', 'Where the task stands, and why'],
    ['taskfs status build --json', 'The same for a program'],
  ],
  build: (parser) => addTask(parser).option('json', json()),
  run: async ({ options }) => {
    const view = viewTask(openStoreOf(options), options.task);
    if (options.json) await printJson(view);
    else for (const line of table(rows(view, options))) await printLine(line);
    return 0;
  },
});

function rows(task: TaskView, zone: Zone): Words[][] {
  const at = (time: string | null): string | null => time && showTime(time, zone);
  const facts: [string, Words | null][] = [
    ['Task', paintTask(task, task.task)],
    ['Status', paintTask(task, showStatus(task))],
    ['Reason', task.reason],
    ['Files', task.artifacts],
    ['Not sealed', task.sealError],
    ['Left out', leftOut(task)],
    ['Plaintext', task.plaintext ?? null],
    ['Command', showCommand(task.command)],
    ['Directory', task.cwd],
    ['Labels', showLabels(task)],
    ['After', task.after?.join(', ') ?? null],
    ['Group', task.group ?? null],
    ['Priority', task.priority === undefined ? null : String(task.priority)],
    ['Pinned', task.pinned ? 'yes' : null],
    ['Engine', task.image === null ? task.engine : `${task.engine}, image ${task.image}`],
    ['Container', task.container],
    ['Created', at(task.createdAt)],
    ['Started', at(task.startedAt)],
    ['Ended', at(task.endedAt)],
    ['Sealed', sealed(task, zone)],
    ...(task.attempts.length > 1 ? task.attempts.map(attempt) : []),
    ['Not removed', task.unremoved ? `its container; 'taskfs recover' tries again` : null],
    ['Supervisor', supervisor(task)],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [[`${name}:`, value]]));
}

/** What was not to be sealed, by which patterns, and once it is sealed how much that was. */
function leftOut({ sealedPart, leftOut: count = 0, sealedAt }: TaskView): string | null {
  if (!sealedPart) return null;
  const { artifact = [], exclude = [] } = sealedPart;
  const only = artifact.length > 0 ? `all but ${artifact.join(', ')}` : null;
  const patterns = [only, exclude.join(', ') || null].filter((words) => words !== null).join('; ');
  return sealedAt === null ? patterns : `${count} (${patterns})`;
}

function showLabels({ labels = {} }: TaskView): string | null {
  const pairs = Object.entries(labels).map((pair) => pair.join('='));
  return pairs.length === 0 ? null : pairs.join(', ');
}

function supervisor(task: TaskView): string | null {
  if (task.supervisorPid !== null) return `process ${task.supervisorPid}`;
  if (task.supervisorHost !== null) return `on machine ${task.supervisorHost}`;
  return isInterrupted(task) ? "none; 'taskfs recover' finishes the task" : null;
}

const attempt = ({ reason }: Attempt, index: number): [string, string] => [
  `Attempt ${index + 1}`,
  reason ?? 'running',
];

function sealed({ sealedAt, sealMs }: TaskView, zone: Zone): string | null {
  if (sealedAt === null) return null;
  const at = showTime(sealedAt, zone);
  return sealMs === null ? at : `${at}, in ${showDuration(sealMs)}`;
}
