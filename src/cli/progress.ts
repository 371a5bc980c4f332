import type { Reindexed } from '../archive/maintain/index.ts';
import { printableText } from '../printable.ts';
import { counted, showBytes, showDuration } from '../quantities.ts';
import type { Progress } from '../runner/index.ts';
import { monotonicMs } from '../sys/index.ts';
import { say } from './output.ts';

/** Work that is done sooner is not worth a bar, in milliseconds. */
const QUIET_MS = 1000;
/** How often a bar is drawn at most, in milliseconds. */
const DRAW_EVERY_MS = 100;
const BAR_WIDTH = 24;

/** How far some work has come. Units are the caller's; bytes are shown as such. */
export interface Step {
  readonly done: number;
  readonly total: number | null;
}

/** A line on a terminal's standard error that says how far work has come; nothing elsewhere. */
export class ProgressLine implements Disposable {
  private readonly label: string;
  private readonly stream: NodeJS.WriteStream;
  private readonly started = monotonicMs();
  private drawnAt = 0;
  private isShown = false;

  constructor(label: string, stream: NodeJS.WriteStream = process.stderr) {
    this.label = label;
    this.stream = stream;
  }

  update(step: Step, what = this.label): void {
    this.draw((elapsedMs) => `${what} ${describeStep(step, elapsedMs)}`);
  }

  /** For work that is counted in pieces. */
  readonly onCount = ({ done, total }: { done: number; total: number }): void =>
    this.draw(() => `${this.label}: ${done} of ${total}`);

  private draw(describe: (elapsedMs: number) => string): void {
    const now = monotonicMs();
    if (!this.stream.isTTY || now - this.started < QUIET_MS) return;
    if (now - this.drawnAt < DRAW_EVERY_MS) return;
    this.drawnAt = now;
    this.isShown = true;
    const text = describe(now - this.started);
    const shown = printableText(text).slice(0, Math.max(20, this.stream.columns - 1));
    this.stream.write(`\r\x1b[K${shown}`);
  }

  [Symbol.dispose](): void {
    if (this.isShown) this.stream.write('\r\x1b[K');
    this.isShown = false;
  }
}

/**
 * `[####----]  42%  1.2 GiB of 2.8 GiB  310 MiB/s  5s left`; without a total what is known of it.
 */
function describeStep({ done, total }: Step, elapsedMs: number): string {
  const rate = elapsedMs > 0 ? (done * 1000) / elapsedMs : 0;
  const speed = `${showBytes(rate)}/s`;
  if (total === null || total <= 0) return `${showBytes(done)}  ${speed}`;
  const share = Math.min(1, done / total);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = '#'.repeat(filled) + '-'.repeat(BAR_WIDTH - filled);
  const left = rate > 0 ? `${showDuration(((total - done) * 1000) / rate)} left` : '';
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const amount = `${showBytes(done)} of ${showBytes(total)}`;
  return `[${bar}] ${percent}  ${amount}  ${speed}  ${left}`.trimEnd();
}

/** How often programs get a report, in milliseconds. */
const REPORT_EVERY_MS = 1000;

/** For programs: an object a line on standard error, `{"type":"progress", …}`, once a second. */
export class ProgressReport {
  private reportedAt = monotonicMs();

  update(facts: object): void {
    const now = monotonicMs();
    if (now - this.reportedAt < REPORT_EVERY_MS) return;
    this.reportedAt = now;
    say(JSON.stringify({ type: 'progress', ...facts }));
  }
}

/** How far a seal has come, from its first report on: a bar, or lines of JSON. */
export const showSealProgress = (json: boolean) => showBytesProgress('Sealing', json);

/** The same of an index that is rebuilt. */
export const showReindexProgress = (json: boolean) =>
  showBytesProgress('Rebuilding the index', json);

/** One line on what became of an index. */
export const describeReindexed = ({ task, rebuilt, files }: Reindexed): string =>
  rebuilt
    ? `${task}: index rebuilt, ${counted(files, 'file')}`
    : `${task}: its index is as it was sealed`;

function showBytesProgress(label: string, json: boolean) {
  let line: ProgressLine | undefined;
  let report: ProgressReport | undefined;
  return {
    onProgress: (progress: { bytes: number; totalBytes: number }): void => {
      if (json) {
        report ??= new ProgressReport();
        report.update(progress);
        return;
      }
      line ??= new ProgressLine(label);
      line.update({ done: progress.bytes, total: progress.totalBytes });
    },
    [Symbol.dispose]: (): void => line?.[Symbol.dispose](),
  };
}

/** A bar for what an engine does before it starts: the sum over the layers of an image, mostly. */
export function showEngineProgress() {
  const steps = new Map<string, Progress>();
  let line: ProgressLine | undefined;
  return {
    onProgress: (step: Progress): void => {
      line ??= new ProgressLine('Pulling');
      if (step.done !== null) steps.set(step.id, step);
      const known = [...steps.values()];
      const sum = (of: (each: Progress) => number | null): number =>
        known.reduce((total, each) => total + (of(each) ?? 0), 0);
      line.update({ done: sum((each) => each.done), total: sum((each) => each.total) }, step.what);
    },
    [Symbol.dispose]: (): void => line?.[Symbol.dispose](),
  };
}
