import { counted, showBytes } from '../quantities.ts';
import type { Store, TaskName, TaskRecord } from '../store/index.ts';
import type { Span, StyledLine } from '../terminal/index.ts';
import { TaskStates } from '../watch/index.ts';
import { formatAge, SIZE_AND_AGE, sizeAndAge } from './format.ts';
import type { Pane, PaneLine, PaneView } from './pane.ts';
import { Selection } from './selection.ts';
import { inOrder, MODES, matchesFilter, since, statusOf, styleOf, wordOf } from './task-rows.ts';
import { TaskSizes } from './task-sizes.ts';

/** Columns of a task's mode and status; what is longer leaves no room for the size. */
const MODE = 9;
const STATUS = 10;
/** What is left for a name: the columns after it are aligned unless it is longer. */
const LEAST_NAME = 10;
/** Columns before a name. */
const MARK = 2;

/** The list of tasks. */
export class TasksPane implements Pane, Disposable {
  readonly sizes: TaskSizes;
  private readonly states: TaskStates;
  private readonly records = new Map<TaskName, TaskRecord>();
  private readonly selection = new Selection();
  private rows: readonly TaskRecord[] = [];
  private keys: readonly string[] = [];
  private filter = '';
  private visible: readonly TaskRecord[] = [];

  /** Of all tasks, or of one. */
  constructor(store: Store, only: TaskName | undefined) {
    this.states = new TaskStates(store, only);
    this.sizes = new TaskSizes(store);
  }

  /** The chosen task; undefined where there is none. */
  get chosen(): TaskRecord | undefined {
    const key = this.selection.key as TaskName | undefined;
    return key === undefined ? undefined : this.records.get(key);
  }

  /** Reads records that are new. Returns whether there were any. Throws `damaged`, `not-found`. */
  refresh(): boolean {
    const { changed, gone } = this.states.refresh();
    for (const record of changed) {
      const before = this.records.get(record.task);
      if (before && before.artifacts !== record.artifacts) this.sizes.forget(record.task);
      this.records.set(record.task, record);
    }
    for (const task of gone) this.records.delete(task);
    if (changed.length === 0 && gone.length === 0) return false;
    this.arrange();
    return true;
  }

  /** Measures what is on the screen. */
  async measure(): Promise<void> {
    await this.sizes.measure(this.visible);
  }

  /** Shows only the tasks that a text is in. */
  setFilter(filter: string): void {
    this.filter = filter;
    this.arrange();
  }

  moveBy(lines: number): void {
    this.selection.moveBy(this.keys, lines);
  }

  click(line: number): void {
    this.selection.chooseLine(this.keys, line);
  }

  view(columns: number, height: number, now: number): PaneView {
    const { first, chosen } = this.selection.window(this.keys, height);
    this.visible = this.rows.slice(first, first + height);
    const longest = Math.max(LEAST_NAME, ...this.visible.map(({ task }) => task.length + MARK));
    const isWide = columns > SIZE_AND_AGE + MODE + STATUS + longest;
    const lines = this.visible.map((record, at) => ({
      ...this.line(record, columns, isWide, now),
      isChosen: first + at === chosen,
    }));
    return { title: this.title(), lines };
  }

  [Symbol.dispose](): void {
    this.sizes[Symbol.dispose]();
  }

  private arrange(): void {
    const all = inOrder(this.records.values());
    this.rows = this.filter === '' ? all : all.filter((row) => matchesFilter(row, this.filter));
    this.keys = this.rows.map(({ task }) => task);
    // Something is chosen from the start.
    this.selection.moveBy(this.keys, 0);
  }

  private title(): StyledLine {
    if (this.records.size === 0) return [{ text: 'no tasks yet: taskfs run -- CMD starts one' }];
    if (this.filter === '') {
      const broken = this.states.unreadable.length;
      const note = { text: `  ${broken} unreadable: taskfs ps -a`, styles: ['yellow'] as const };
      return [{ text: counted(this.records.size, 'task') }, ...(broken > 0 ? [note] : [])];
    }
    return [
      { text: `${this.rows.length} of ${counted(this.records.size, 'task')}: ${this.filter}` },
    ];
  }

  /** `isWide`: there is room for mode and status behind every name. */
  private line(record: TaskRecord, columns: number, isWide: boolean, now: number): PaneLine {
    const { task, artifacts } = record;
    const styles = styleOf(record);
    const bytes = this.sizes.of(task);
    const age = formatAge(now - since(record));
    const right = sizeAndAge(bytes === undefined ? '' : showBytes(bytes), age);
    const mark = artifacts === 'sealed' ? '○ ' : '● ';
    const status: readonly Span[] = isWide
      ? [{ text: MODES[artifacts].padEnd(MODE), styles }, { text: statusOf(record).padEnd(STATUS) }]
      : [{ text: wordOf(record), styles }];
    const width = columns - SIZE_AND_AGE - STATUS - (isWide ? MODE : 0) - MARK;
    const name = { text: `${mark}${task}`.padEnd(Math.max(LEAST_NAME, width)), styles };
    return { left: [name, { text: ' ' }, ...status], right };
  }
}
