import { computed, signal } from '@preact/signals';
import type { FileRef, ServerFacts, TaskRow } from '../protocol.ts';
import { ancestorsOf, TaskTree } from './tree.ts';

/** What is looked at: nothing, a task as a whole, or something of it. */
export interface Place {
  readonly task?: string;
  readonly show?: Shown;
  /** Where `show` is `file`. */
  readonly file?: FileRef;
}

export type Shown = 'file' | 'log' | 'gallery' | 'timeline';

export const server = signal<ServerFacts | undefined>(undefined);
export const tasks = signal<ReadonlyMap<string, TaskRow>>(new Map());
/** Names of tasks whose record cannot be read. */
export const unreadableTasks = signal<readonly string[]>([]);
/** Of the list, as last received. */
export const listVersion = signal(0);
export const place = signal<Place>({});
/** What the connection to the server is like. */
export const connection = signal<'connecting' | 'open' | 'lost' | 'over'>('connecting');
/** Words for a moment, read out too. */
export const notice = signal<{ readonly text: string; readonly isError: boolean } | undefined>(
  undefined,
);

/** The files of the task that is looked at. A new version is a new value of the signal. */
export const tree = signal<{ readonly task: string; readonly files: TaskTree; version: number }>({
  task: '',
  files: new TaskTree(),
  version: 0,
});
/** Why they cannot be seen, or not all. */
export const treeNote = signal<string | undefined>(undefined);
export const isTreeKnown = signal(false);
export const logSize = signal(0);
/** What opens the task's files in the origin that they are served from. */
export const ticket = signal('');
/** The directories that are open, of each task. */
const openDirectories = signal<ReadonlyMap<string, ReadonlySet<FileRef>>>(new Map());

export const currentTask = computed<TaskRow | undefined>(() => {
  const { task } = place.value;
  return task === undefined ? undefined : tasks.value.get(task);
});

export const openHere = computed<ReadonlySet<FileRef>>(
  () => openDirectories.value.get(place.value.task ?? '') ?? new Set(),
);

export function setOpen(directory: FileRef, isOpen: boolean): void {
  const open = new Set(openHere.value);
  if (isOpen) open.add(directory);
  else open.delete(directory);
  setOpenHere(open);
}

/** Opens the directories that a file is in, so that the tree shows it. */
export function reveal(file: FileRef): void {
  const closed = ancestorsOf(file).filter((directory) => !openHere.value.has(directory));
  if (closed.length > 0) setOpenHere(new Set([...openHere.value, ...closed]));
}

function setOpenHere(open: ReadonlySet<FileRef>): void {
  openDirectories.value = new Map(openDirectories.value).set(place.value.task ?? '', open);
}

/** Goes somewhere, as a step that the browser's back button undoes. */
export function go(next: Place): void {
  const { task, show, file } = next;
  const entries = Object.entries({ task, show, file }).filter(([, value]) => value !== undefined);
  const address = `#${new URLSearchParams(entries as [string, string][])}`;
  if (address !== location.hash) history.pushState(null, '', address);
  place.value = next;
}

export function placeInAddress(): Place {
  const { task, show, file } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return {
    ...(task !== undefined && { task }),
    ...(show !== undefined && { show: show as Shown }),
    ...(file !== undefined && { file }),
  };
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Says something for a moment. */
export function say(text: string, isError = false): void {
  notice.value = { text, isError };
  clearTimeout(timer);
  timer = setTimeout(
    () => {
      notice.value = undefined;
    },
    isError ? 12_000 : 5_000,
  );
}

/** The address of a file as what it is, in the origin apart; `version` tells changes apart. */
export function fileAddress(task: string, file: FileRef, version = ''): string {
  const query = version === '' ? '' : `?v=${version}`;
  return `${server.value?.filesOrigin}/${ticket.value}/${task}/${file}${query}`;
}

/** The time, in milliseconds since the epoch, as often as durations are shown anew. */
export const now = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now();
}, 1000);
