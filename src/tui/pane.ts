import type { StyledLine } from '../terminal/index.ts';

/** A pane as it is drawn. */
export interface PaneView {
  readonly title: StyledLine;
  /** As many as it has lines, or fewer. */
  readonly lines: readonly PaneLine[];
}

/** A line of a pane. */
export interface PaneLine {
  readonly left: StyledLine;
  /** Right-aligned columns, left out where there is no place for them. */
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
