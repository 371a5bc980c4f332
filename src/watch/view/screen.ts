import type { WriteStream } from 'node:tty';

// Control sequences of ECMA-48 and xterm's private modes, which every terminal in use knows or
// ignores.
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const ERASE = '\x1b[2K';
const PLAIN = '\x1b[0m';
const CLEAR = '\x1b[2J';
/** Synchronised update: the terminal shows what lies between as one picture. */
const BEGIN = '\x1b[?2026h';
const END = '\x1b[?2026l';

/**
 * A full-screen picture on a terminal. Only lines that differ from the last picture are written,
 * each over its predecessor, so nothing flickers and an unchanged picture costs nothing.
 */
export class Screen {
  private readonly output: WriteStream;
  private shown: string[] = [];
  private size = '';
  private closed = false;

  /** Switches to the terminal's second screen; `close` brings the first one back as it was. */
  constructor(output: WriteStream) {
    this.output = output;
    output.write(ENTER);
  }

  get rows(): number {
    return this.output.rows || 24;
  }

  get columns(): number {
    return this.output.columns || 80;
  }

  /**
   * Shows so many lines, each as wide as the screen, or empty; rows without a line become empty.
   */
  draw(lines: readonly string[]): void {
    if (this.closed) return;
    let text = this.resized() ? CLEAR : '';
    for (let row = 0; row < this.rows; row++) {
      const line = lines[row] ?? '';
      if (line === this.shown[row]) continue;
      text += `\x1b[${row + 1};1H${line || ERASE}${PLAIN}`;
      this.shown[row] = line;
    }
    if (text) this.output.write(BEGIN + text + END);
  }

  close(): void {
    this.closed = true;
    this.output.write(LEAVE);
  }

  private resized(): boolean {
    const size = `${this.rows}x${this.columns}`;
    if (size === this.size) return false;
    this.size = size;
    this.shown = [];
    return true;
  }
}
