import type { WriteStream } from 'node:tty';
import type { WatchEvent } from '../event.ts';
import type { Watch } from '../watch.ts';
import { type Command, commandsIn } from './keys.ts';
import { countLines, type Line, linesOf, type SortedChildren } from './lines.ts';
import { Screen } from './screen.ts';
import { fitTo } from './text.ts';

const STYLE = { live: '\x1b[32m', plain: '', trouble: '\x1b[33m' };
const FAINT = '\x1b[2m';

/** The window that the screen is on all lines, and what keys do to it. */
export class View implements Disposable {
  /** Resolves when the user quits. */
  readonly ended: Promise<void>;
  private readonly watch: Watch;
  private readonly screen: Screen;
  private readonly color: boolean;
  private sorted: SortedChildren = new WeakMap();
  private top = 0;
  private end = (): void => {};

  constructor(watch: Watch, output: WriteStream, color: boolean) {
    this.watch = watch;
    this.color = color;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    this.screen = new Screen(output);
  }

  [Symbol.dispose](): void {
    this.screen.close();
  }

  quit(): void {
    this.end();
  }

  update(events: readonly WatchEvent[]): void {
    if (events.some(({ type }) => type === 'add' || type === 'remove')) this.sorted = new WeakMap();
    this.draw();
  }

  press(text: string): void {
    for (const command of commandsIn(text)) this.obey(command);
    this.draw();
  }

  draw(): void {
    const total = countLines(this.watch.tasks.values());
    const height = this.screen.rows - 1;
    this.top = Math.max(0, Math.min(this.top, total - height));
    const picture: string[] = [];
    let at = 0;
    for (const line of linesOf(this.watch.tasks.values(), this.sorted, Date.now())) {
      if (at >= this.top + height) break;
      if (at >= this.top) picture.push(this.paint(line));
      at += 1;
    }
    while (picture.length < height) picture.push('');
    picture.push(this.footer(total, height));
    this.screen.draw(picture);
  }

  private obey(command: Command): void {
    const height = this.screen.rows - 1;
    if (command.do === 'quit') this.end();
    else if (command.do === 'top') this.top = 0;
    else if (command.do === 'bottom') this.top = Number.MAX_SAFE_INTEGER;
    else this.top += command.by * (command.unit === 'line' ? 1 : height);
  }

  private paint({ left, right, tone }: Line): string {
    const columns = this.screen.columns;
    const wide = columns >= right.length + 20;
    const text = wide ? fitTo(left, columns - right.length) + right : fitTo(left, columns);
    return this.style(STYLE[tone], text);
  }

  private footer(total: number, height: number): string {
    const below = total - this.top - height;
    const more =
      total <= height
        ? ''
        : `  lines ${this.top + 1}–${Math.min(this.top + height, total)} of ${total}`;
    const keys = this.top > 0 || below > 0 ? 'q quits, arrows scroll' : 'q quits';
    const nothing = total === 0 ? 'no tasks yet: taskfs run -- CMD starts one   ' : '';
    return this.style(FAINT, fitTo(`${nothing}${keys}${more}`, this.screen.columns));
  }

  private style(style: string, text: string): string {
    return this.color && style ? `${style}${text}` : text;
  }
}
