import { writeSync } from 'node:fs';
import type { WriteStream } from 'node:tty';

// Control sequences of ECMA-48 and xterm's private modes, which every terminal in use knows or
// ignores: the second screen, no cursor, no wrapping; clicks and the wheel, reported as in mode
// 1006.
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1000h\x1b[?1006h';
const LEAVE = '\x1b[?1006l\x1b[?1000l\x1b[?7h\x1b[?25h\x1b[?1049l';
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
export class Screen implements Disposable {
  private readonly output: WriteStream;
  private shown: string[] = [];
  private size = '';
  private isOpen = false;

  /** Switches to the terminal's second screen; `close` brings the first one back as it was. */
  constructor(output: WriteStream) {
    this.output = output;
    this.open();
  }

  get rows(): number {
    return this.output.rows || 24;
  }

  get columns(): number {
    return this.output.columns || 80;
  }

  /** Back to the second screen after `close`. */
  open(): void {
    if (this.isOpen) return;
    this.isOpen = true;
    this.size = '';
    process.on('exit', this.closeAtExit);
    this.output.write(ENTER);
  }

  /**
   * Shows so many lines, each as wide as the screen, or empty; rows without a line become empty.
   */
  draw(lines: readonly string[]): void {
    // A terminal that is behind gets the sum of what it missed, not every picture.
    if (!this.isOpen || this.output.writableNeedDrain) return;
    let text = this.resized() ? CLEAR : '';
    for (let row = 0; row < this.rows; row++) {
      const line = lines[row] ?? '';
      if (line === this.shown[row]) continue;
      text += `\x1b[${row + 1};1H${line || ERASE}${PLAIN}`;
      this.shown[row] = line;
    }
    if (text) this.output.write(BEGIN + text + END);
  }

  /** The next picture is written as a whole: something else has written on the terminal. */
  forget(): void {
    this.size = '';
  }

  /** Sends the terminal something that is not shown, such as a text for the clipboard. */
  send(sequence: string): void {
    if (this.isOpen) this.output.write(sequence);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    process.off('exit', this.closeAtExit);
    this.output.write(LEAVE);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Whatever ends this process: an error that nobody caught must be seen on the first screen. */
  private readonly closeAtExit = (): void => {
    try {
      writeSync(1, LEAVE);
    } catch {
      // The terminal is gone.
    }
  };

  private resized(): boolean {
    const size = `${this.rows}x${this.columns}`;
    if (size === this.size) return false;
    this.size = size;
    this.shown = [];
    return true;
  }
}

/**
 * What puts a text into the clipboard of the person at the terminal, also over ssh: OSC 52 of
 * xterm. tmux hands on only what it is asked to pass through; a terminal that does not know the
 * one ignores it, and gets the other.
 */
export function copySequence(text: Buffer, { TMUX }: NodeJS.ProcessEnv): string {
  const copy = `\x1b]52;c;${text.toString('base64')}\x07`;
  return TMUX ? `${copy}\x1bPtmux;${copy.replaceAll('\x1b', '\x1b\x1b')}\x1b\\` : copy;
}
