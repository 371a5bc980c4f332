import { HELP } from './commands.ts';
import type { Pane, PaneView } from './pane.ts';

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
