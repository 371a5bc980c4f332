import type { FindIdentities } from '../artifacts/index.ts';
import { explain } from '../errors.ts';
import { printableText } from '../printable.ts';
import type { Store, TaskName } from '../store/index.ts';
import {
  type Capabilities,
  copySequence,
  type Input,
  type Screen,
  type StyledLine,
} from '../terminal/index.ts';
import { printableName } from '../watch/index.ts';
import { type Command, commandOf, SHORT_HELP } from './commands.ts';
import { FilesPane } from './files-pane.ts';
import { composeFrame, lastLine, paneLines } from './frame.ts';
import { type Layout, layOut, type PaneName, paneAt } from './layout.ts';
import { LogPane } from './log-pane.ts';
import type { Pane } from './pane.ts';
import { HelpPane } from './pane.ts';
import { PreviewPane } from './preview-pane.ts';
import { Prompt } from './prompt.ts';
import { cancelTask, type Programs, togglePause } from './task-actions.ts';
import { TasksPane } from './tasks-pane.ts';

/** What the view is made of. */
export interface ViewParts {
  readonly store: Store;
  /** The one task that it shows; undefined: all. */
  readonly only: TaskName | undefined;
  readonly findIdentities: FindIdentities;
  readonly screen: Screen;
  readonly capabilities: Capabilities;
  readonly programs: Programs;
  /** Lets others have the terminal while something runs. */
  readonly handOver: (run: () => Promise<void>) => Promise<void>;
  readonly suspend: () => void;
}

/** No two frames are closer together, in milliseconds. */
const FRAME_MS = 33;
/** Lines that a turn of the wheel moves. */
const WHEEL_LINES = 3;

type Third = LogPane | PreviewPane | HelpPane;

/** The panes, which of them has the keys, and what keys do. */
export class View implements Disposable {
  /** Resolves when the person quits. */
  readonly ended: Promise<void>;
  private readonly parts: ViewParts;
  private readonly tasks: TasksPane;
  private readonly files: FilesPane;
  private third: Third | undefined;
  private focus: PaneName = 'tasks';
  private prompt: Prompt | undefined;
  private message: StyledLine | undefined;
  private layout: Layout = {};
  private timer: NodeJS.Timeout | undefined;
  private end = (): void => {};

  constructor(parts: ViewParts) {
    this.parts = parts;
    this.tasks = new TasksPane(parts.store, parts.only);
    this.files = new FilesPane(parts.store, parts.findIdentities, () => this.redraw());
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    if (parts.only !== undefined) this.focus = 'files';
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    this.tasks[Symbol.dispose]();
    this.files[Symbol.dispose]();
    this.closeThird();
  }

  quit(): void {
    this.end();
  }

  /** Reads what is new of tasks and the log, and draws it. Throws `damaged`. */
  async refresh(): Promise<void> {
    this.tasks.refresh();
    if (this.third instanceof LogPane) this.third.refresh();
    const task = this.tasks.chosen;
    const bytes = this.files.bytes;
    if (task && bytes !== undefined && task.artifacts === 'live') {
      this.tasks.sizes.learn(task.task, bytes);
    }
    this.redraw();
    await this.tasks.measure();
  }

  /** Draws soon, once for all that changes until then. */
  redraw(): void {
    this.timer ??= setTimeout(() => this.draw(), FRAME_MS);
  }

  take(input: Input): void {
    this.message = undefined;
    if (input.type === 'mouse') this.useMouse(input);
    else if (this.prompt) this.prompt = this.prompt.press(input.key);
    else this.obey(commandOf(input.key));
    this.draw();
  }

  draw(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { screen, capabilities } = this.parts;
    this.follow();
    const { columns, rows } = screen;
    this.layout = layOut(columns, rows, this.focus, this.third !== undefined);
    const now = Date.now();
    const painted: Partial<Record<PaneName, string[]>> = {};
    for (const name of ['tasks', 'files', 'third'] as const) {
      const area = this.layout[name];
      if (!area) continue;
      const view = this.pane(name).view(area.columns, area.rows - 1, now);
      painted[name] = paneLines(view, area, name === this.focus, capabilities);
    }
    const frame = composeFrame(painted, capabilities);
    frame.push(lastLine(this.prompt?.line ?? this.message, SHORT_HELP, columns, capabilities));
    screen.draw(frame);
  }

  /** What is chosen decides what the other panes show. */
  private follow(): void {
    const task = this.tasks.chosen;
    this.files.show(task);
    if (!(this.third instanceof PreviewPane) || !task) return;
    const { entry } = this.files.chosen ?? {};
    const state = entry ? `${entry.mtimeNs} ${entry.size}` : '';
    const version = `${task.artifacts} ${state}`;
    this.third.show({ task: task.task, path: this.files.chosenPath, version });
  }

  private pane(name: PaneName): Pane {
    if (name === 'third' && this.third) return this.third;
    return name === 'tasks' ? this.tasks : this.files;
  }

  private useMouse(input: Extract<Input, { type: 'mouse' }>): void {
    const hit = paneAt(this.layout, input.column, input.row);
    if (!hit) return;
    const pane = this.pane(hit.name);
    if (input.action === 'press') {
      this.focus = hit.name;
      if (hit.line >= 0) pane.click(hit.line);
    } else {
      pane.moveBy(input.action === 'wheel-up' ? -WHEEL_LINES : WHEEL_LINES);
    }
  }

  private obey(command: Command | undefined): void {
    const act = command === undefined ? undefined : this.acts[command];
    act?.();
  }

  private readonly acts: Readonly<Record<Command, () => void>> = {
    quit: () => this.end(),
    help: () => this.toggle(HelpPane, () => new HelpPane()),
    up: () => this.pane(this.focus).moveBy(-1),
    down: () => this.pane(this.focus).moveBy(1),
    'page-up': () => this.pane(this.focus).moveBy(-this.pageRows()),
    'page-down': () => this.pane(this.focus).moveBy(this.pageRows()),
    first: () => this.pane(this.focus).moveBy(Number.NEGATIVE_INFINITY),
    last: () => this.pane(this.focus).moveBy(Number.POSITIVE_INFINITY),
    'next-pane': () => this.moveFocus(1),
    'previous-pane': () => this.moveFocus(-1),
    in: () => this.goIn(),
    out: () => this.goOut(),
    toggle: () => this.enter(),
    filter: () => this.askFilter(),
    clear: () => this.clear(),
    preview: () => this.togglePreview(),
    log: () => this.toggleLog(),
    open: () => this.onChosen((task, path) => this.openFile(task, path)),
    edit: () => this.onChosen((task, path) => this.editFile(task, path)),
    copy: () => this.onChosen((task, path) => this.copy(task, path)),
    pause: () => this.onTask((task) => togglePause(this.parts.store, task)),
    cancel: () => this.askCancel(),
    suspend: () => this.parts.suspend(),
    redraw: () => this.parts.screen.forget(),
  };

  private pageRows(): number {
    return Math.max(1, (this.layout[this.focus]?.rows ?? 2) - 2);
  }

  private moveFocus(by: number): void {
    const names: readonly PaneName[] = this.third
      ? ['tasks', 'files', 'third']
      : ['tasks', 'files'];
    const at = names.indexOf(this.focus) + by + names.length;
    this.focus = names[at % names.length] ?? 'tasks';
  }

  private goIn(): void {
    if (this.focus === 'tasks') this.focus = 'files';
    else if (this.focus === 'files') this.files.fold('open');
  }

  private goOut(): void {
    if (this.focus === 'third') this.focus = 'files';
    else if (this.focus === 'files' && !this.files.fold('close') && !this.files.chooseParent()) {
      this.focus = 'tasks';
    }
  }

  private enter(): void {
    if (this.focus === 'tasks') this.focus = 'files';
    else if (this.focus === 'files' && !this.files.fold('toggle')) this.togglePreview();
  }

  private askFilter(): void {
    const pane = this.focus === 'tasks' ? this.tasks : this.files;
    this.prompt = Prompt.forText('/', (text) => pane.setFilter(text));
  }

  private clear(): void {
    if (this.third) this.closeThird();
    else (this.focus === 'tasks' ? this.tasks : this.files).setFilter('');
  }

  private toggle<T extends Third>(kind: new (...args: never[]) => T, make: () => T): void {
    const wasOpen = this.third instanceof kind;
    this.closeThird();
    if (!wasOpen) this.third = make();
  }

  private closeThird(): void {
    if (this.third instanceof LogPane) this.third[Symbol.dispose]();
    this.third = undefined;
    if (this.focus === 'third') this.focus = 'files';
  }

  private togglePreview(): void {
    const { store, findIdentities, capabilities } = this.parts;
    this.toggle(
      PreviewPane,
      () => new PreviewPane(store, findIdentities, capabilities, () => this.redraw()),
    );
  }

  private toggleLog(): void {
    const task = this.tasks.chosen?.task;
    if (task === undefined) return;
    const { store, findIdentities } = this.parts;
    this.toggle(LogPane, () => new LogPane(store, task, findIdentities, () => this.redraw()));
  }

  private askCancel(): void {
    const task = this.tasks.chosen?.task;
    if (task === undefined) return;
    this.prompt = Prompt.forConsent(`cancel ${task}? y, or any other key`, () =>
      this.onTask(() => cancelTask(this.parts.store, task)),
    );
  }

  private async openFile(task: TaskName, path: Buffer): Promise<string | undefined> {
    await this.parts.programs.open(task, path);
    return undefined;
  }

  private async editFile(task: TaskName, path: Buffer): Promise<string | undefined> {
    await this.parts.handOver(() => this.parts.programs.edit(task, path));
    return undefined;
  }

  private async copy(task: TaskName, path: Buffer): Promise<string> {
    const found = await this.parts.programs.locate(task, path);
    this.parts.screen.send(copySequence(found, process.env));
    return `copied: ${printableName(found)}`;
  }

  private onChosen(act: (task: TaskName, path: Buffer) => Promise<string | undefined>): void {
    const path = this.focus === 'tasks' ? Buffer.alloc(0) : this.files.chosenPath;
    this.onTask(({ task }) => act(task, path));
  }

  /** Does something with the chosen task, and says what came of it. */
  private onTask(
    act: (task: NonNullable<TasksPane['chosen']>) => Promise<string | undefined>,
  ): void {
    const task = this.tasks.chosen;
    if (!task) return;
    act(task).then(
      (words) => this.say(words ?? '', []),
      (error: unknown) => this.say(explain(error), ['yellow']),
    );
  }

  private say(words: string, styles: readonly ['yellow'] | readonly []): void {
    this.message = words === '' ? undefined : [{ text: printableText(words), styles }];
    this.redraw();
  }
}
