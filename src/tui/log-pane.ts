import { stripVTControlCharacters } from 'node:util';
import { type FindIdentities, openLog, type TaskLog } from '../artifacts/index.ts';
import { messageOf } from '../errors.ts';
import { printableText } from '../printable.ts';
import type { Store, TaskName } from '../store/index.ts';
import type { Pane, PaneView } from './pane.ts';

/** So much of a log's end is shown, in bytes. */
const TAIL_BYTES = 256 * 1024;

/** The log of a task; it follows its end until somebody scrolls up. */
export class LogPane implements Pane, Disposable {
  private readonly task: TaskName;
  private log: TaskLog | undefined;
  private size = -1;
  private lines: readonly string[] = [];
  private trouble: string | undefined;
  /** Lines below the screen; 0 follows. */
  private below = 0;
  private height = 1;
  private isClosed = false;

  /** `changed` is called when the log is there. */
  constructor(store: Store, task: TaskName, findIdentities: FindIdentities, changed: () => void) {
    this.task = task;
    void this.open(store, findIdentities).finally(changed);
  }

  /** Reads what is new. Returns whether there was anything. */
  refresh(): boolean {
    const size = this.log?.size() ?? this.size;
    if (!this.log || size === this.size) return false;
    const before = this.lines.length;
    this.read(this.log, size);
    if (this.below > 0) this.below += Math.max(0, this.lines.length - before);
    return true;
  }

  moveBy(lines: number): void {
    const most = Math.max(0, this.lines.length - this.height);
    this.below = Math.max(0, Math.min(most, this.below - lines));
  }

  click(): void {}

  view(_columns: number, height: number): PaneView {
    this.height = height;
    const end = this.lines.length - this.below;
    const lines = this.lines.slice(Math.max(0, end - height), end);
    const how = this.trouble ?? (this.below === 0 ? 'following' : `${this.below} lines below`);
    return {
      title: [{ text: `log of ${this.task}` }, { text: `  ${how}` }],
      lines: lines.map((text) => ({ left: [{ text }], right: '' })),
    };
  }

  [Symbol.dispose](): void {
    this.isClosed = true;
    this.log?.[Symbol.dispose]();
    this.log = undefined;
  }

  private async open(store: Store, findIdentities: FindIdentities): Promise<void> {
    try {
      const log = await openLog(store, this.task, findIdentities);
      if (this.isClosed) return log[Symbol.dispose]();
      this.log = log;
      this.refresh();
    } catch (error) {
      this.trouble = printableText(messageOf(error));
    }
  }

  private read(log: TaskLog, size: number): void {
    const from = Math.max(0, size - TAIL_BYTES);
    const bytes = Buffer.alloc(size - from);
    const text = bytes.subarray(0, log.read(bytes, from)).toString('utf8');
    this.size = size;
    const lines = text.replace(/\r?\n$/, '').split('\n');
    // The first one is cut off in the middle.
    this.lines = (from > 0 ? lines.slice(1) : lines).map(asShown);
  }
}

/** A line as a terminal ends up showing it: without colours, and after its last `\r`. */
function asShown(line: string): string {
  const written = stripVTControlCharacters(line).replace(/\r+$/, '');
  return printableText(written.slice(written.lastIndexOf('\r') + 1).replaceAll('\t', '    '));
}
