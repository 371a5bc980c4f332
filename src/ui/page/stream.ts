import { computed, effect } from '@preact/signals';
import type { StreamEvents } from '../protocol.ts';
import { hasServerEnded, ticketOf } from './api.ts';
import {
  connection,
  currentTask,
  isTreeKnown,
  listVersion,
  logSize,
  place,
  say,
  tasks,
  ticket,
  tree,
  treeNote,
  unreadableTasks,
} from './state.ts';
import { TaskTree } from './tree.ts';

let source: EventSource | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;
/** How long after the server did not answer it is asked again, in milliseconds. */
const RETRY_MS = 2_000;

/**
 * Keeps one stream open for the list and the task that is looked at. A page that nobody sees
 * listens to nothing, and catches up when it is seen again.
 */
export function followTask(): void {
  const task = computed(() => place.value.task);
  effect(() => connect(task.value));
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') disconnect();
    else if (!source) connect(place.peek().task);
  });
}

function disconnect(): void {
  clearTimeout(retry);
  source?.close();
  source = undefined;
}

function connect(task: string | undefined): void {
  disconnect();
  prepare(task);
  const query = new URLSearchParams({ since: String(listVersion.peek()) });
  if (task !== undefined) query.set('task', task);
  const stream = new EventSource(`api/stream?${query}`);
  source = stream;
  stream.onopen = () => {
    connection.value = 'open';
  };
  stream.onerror = () => {
    connection.value = 'lost';
    disconnect();
    retry = setTimeout(() => void reconnect(), RETRY_MS);
  };
  const on = <Name extends keyof StreamEvents>(
    name: Name,
    take: (data: StreamEvents[Name]) => void,
  ): void => {
    stream.addEventListener(name, ({ data }) => take(JSON.parse(data)));
  };
  on('tasks', takeTasks);
  on('tree', ({ entries }) => {
    tree.peek().files.replace(entries, Date.now());
    isTreeKnown.value = true;
    bump();
  });
  on('changes', (changes) => {
    tree.peek().files.apply(changes, Date.now());
    bump();
  });
  on('log', ({ size }) => {
    logSize.value = size;
  });
  on('note', ({ message }) => {
    treeNote.value = message;
    if (task === undefined) say(message, true);
  });
}

/** Another server, on the port of the one that ended, is not asked again. */
async function reconnect(): Promise<void> {
  if (await hasServerEnded()) connection.value = 'over';
  else if (!source && document.visibilityState === 'visible') connect(place.peek().task);
}

/** What was known of another task is forgotten; of the same one it stays on the screen. */
function prepare(task: string | undefined): void {
  if (tree.peek().task === (task ?? '')) return;
  tree.value = { task: task ?? '', files: new TaskTree(), version: 0 };
  isTreeKnown.value = false;
  treeNote.value = undefined;
  logSize.value = 0;
  ticket.value = '';
  if (task === undefined) return;
  ticketOf(task).then(
    (value) => {
      if (tree.peek().task === task) ticket.value = value;
    },
    () => {},
  );
}

function bump(): void {
  const { task, files, version } = tree.peek();
  tree.value = { task, files, version: version + 1 };
}

function takeTasks({ version, changed, gone, unreadable }: StreamEvents['tasks']): void {
  const before = currentTask.peek();
  const next = new Map(tasks.peek());
  for (const row of changed) next.set(row.task, row);
  for (const task of gone) next.delete(task);
  listVersion.value = version;
  unreadableTasks.value = unreadable;
  tasks.value = next;
  const now = before && next.get(before.task);
  if (before && !now) say(`Task ${before.task} was removed.`);
  if (!before || !now || before.artifacts === now.artifacts) return;
  if (now.artifacts === 'sealed') say(`Task ${now.task} has ended. You now see its archive.`);
  if (now.artifacts === 'kept') say(`Task ${now.task}: ${now.reason}`, true);
}
