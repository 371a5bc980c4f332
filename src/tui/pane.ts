import type { StyledLine } from '../terminal/index.ts';
import { HELP } from './commands.ts';

/** A pane as it is drawn. */
export interface PaneView {
  readonly title: StyledLine;
  /** As many as it has lines, or fewer. */
  readonly lines: readonly PaneLine[];
}

/** A line of a pane. */
export interface PaneLine {
  readonly left: StyledLine;
  /** Right-aligned columns, left out where there is no room for them. */
  readonly right: string;
  readonly isChosen?: boolean;
}

/** What the view asks of a pane of its own. */
export interface Pane {
  /** `height`: lines without the title. */
  view(columns: number, height: number, now: number): PaneView;
  /** Moves what is chosen, or scrolls, by so many lines. */
  moveBy(lines: number): void;
  /** A click on a line of its own. */
  click(line: number): void;
}

/** All keys. */
export class HelpPane implements Pane {
  private top = 0;
  private height = 1;

  moveBy(lines: number): void {
    this.top = Math.max(0, Math.min(HELP.length - this.height, this.top + lines));
  }

  click(): void {}

  view(_columns: number, height: number): PaneView {
    this.height = height;
    const lines = HELP.slice(this.top, this.top + height).map(([keys, meaning]) => ({
      left: [{ text: ` ${keys.padEnd(17)}`, styles: ['bold'] as const }, { text: meaning }],
      right: '',
    }));
    return { title: [{ text: 'keys; the mouse chooses and scrolls' }], lines };
  }
}
