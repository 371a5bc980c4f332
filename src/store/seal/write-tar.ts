import { randomBytes } from 'node:crypto';
import { fsync } from 'node:fs';
import { promisify } from 'node:util';
import { batches, type Work } from './batch.ts';
import type { Descent } from './descent.ts';
import type { NewAgeFile } from './encrypted-writer.ts';
import { DIGEST, Filler } from './fill.ts';
import type { OnLend } from './lent-modes.ts';
import type { Pace } from './pace.ts';
import { sealedSize } from './payload.ts';
import { PayloadHash } from './payload-hash.ts';
import { type Plan, TAR_END } from './plan.ts';
import { PRINT, type SegmentFile, Segments } from './segments.ts';
import type { TarThreads } from './tar-threads.ts';
import { SEGMENT, TarWindow, windowMemory } from './tar-window.ts';

export interface TarOptions {
  readonly plan: Plan;
  readonly file: NewAgeFile;
  readonly threads: TarThreads;
  /** Whether a file that changes ends the attempt with TreeChanged, or is taken as it was read. */
  readonly isTolerant: boolean;
  readonly onLend: OnLend;
}

/** How long the calling thread waits at once where it cannot wait for news, in milliseconds. */
const BLIND_WAIT = 20;

/**
 * Writes a planned tar into an age file, and reads it back. The calling thread finds the directories, hands
 * out batches to the others, and does what they have no hands for; without any it does all.
 */
export class TarWriter {
  readonly window: TarWindow;
  /** SHA-256 of each file's stored bytes, whole once all is written. */
  readonly digests: Uint8Array;
  private readonly options: TarOptions;
  private readonly segments: Segments;
  private readonly filler: Filler;
  private readonly hash: PayloadHash;
  /** Segments that are sealed without a gap. */
  private frontier = 0;
  private durable: Promise<void> | undefined;

  constructor(options: TarOptions) {
    const { plan, file, threads, isTolerant, onLend } = options;
    const memory = windowMemory(plan.bytes);
    const digests = new SharedArrayBuffer(plan.files * DIGEST);
    const segmentFile = segmentFileOf(file, plan.bytes);
    this.options = options;
    this.window = new TarWindow(memory);
    this.digests = new Uint8Array(digests);
    this.segments = new Segments(this.window, segmentFile);
    const waitForRoom = (end: number): void => this.makeRoom(end);
    const { window } = this;
    this.filler = new Filler({ window, digests: this.digests, isTolerant, waitForRoom, onLend });
    this.hash = new PayloadHash(file.fd);
    threads.begin({ memory, file: segmentFile, digests, isTolerant });
  }

  /** Writes all of it. Throws TreeChanged, Errno or what node:fs throws. */
  async write(descent: Descent | undefined, pace: Pace): Promise<void> {
    const { threads, plan } = this.options;
    const works = batches(plan, descent);
    let work = works.next().value as Work | undefined;
    let mustDrain = false;
    let isEnded = false;
    for (;;) {
      threads.check();
      if (mustDrain && threads.collect()) {
        mustDrain = false;
        work = works.next().value as Work | undefined;
      }
      if (work && !mustDrain && this.give(work)) {
        mustDrain = work.isBarrier;
        if (!mustDrain) work = works.next().value as Work | undefined;
      } else if (!work && !isEnded && this.window.hasRoom(plan.bytes)) {
        this.filler.putEnd(plan.bytes - TAR_END, TAR_END);
        isEnded = true;
      } else if (this.hash.step(this.hashable()) || this.segments.sealOne()) {
        // The hash is this thread's alone, so it comes first; others seal as well.
      } else if (this.window.sealedCount() === this.window.segments) break;
      else await threads.news();
      await pace.keep();
    }
    threads.collect();
  }

  /** From now on what was written is made durable and read back by the threads. */
  beginCheck(): void {
    this.durable = promisify(fsync)(this.options.file.fd);
    this.durable.catch(() => {});
    this.window.enter('checking');
  }

  /** Returns the SHA-256 of the file, durable and read back. Throws NotAsWritten, Errno or what node:fs throws. */
  async finishCheck(pace: Pace): Promise<string> {
    const { threads } = this.options;
    for (;;) {
      threads.check();
      if (this.hash.step(this.hashable()) || this.segments.checkOne()) await pace.keep();
      else if (this.window.checkedCount() === this.window.segments) break;
      else await threads.news();
    }
    await this.durable;
    await threads.finish();
    return this.hash.digest();
  }

  /** Files that were written to while they were read. */
  changed(): string[] {
    return [...this.filler.changed, ...this.options.threads.changed];
  }

  /** Sends a batch to a thread or does it here; false where neither is possible now. */
  private give(work: Work): boolean {
    const { threads } = this.options;
    threads.collect();
    const { at, length } = work.batch;
    const isMine = work.isOwn || !threads.areStarted;
    if (!isMine && threads.send(work)) return true;
    if (!isMine && !this.window.hasRoom(at + length)) return false;
    this.filler.fill(work.batch);
    work.done();
    return true;
  }

  private makeRoom(end: number): void {
    for (;;) {
      const heard = this.window.bell();
      if (this.window.hasRoom(end) || this.window.phase() === 'over') return;
      if (!this.segments.sealOne()) this.window.wait(heard, BLIND_WAIT);
    }
  }

  /** How much of the file's beginning is written. */
  private hashable(): number {
    while (this.frontier < this.window.segments && this.window.isSealed(this.frontier))
      this.frontier++;
    const { start } = this.options.file;
    return start + sealedSize(Math.min(this.frontier * SEGMENT, this.window.bytes));
  }
}

function segmentFileOf({ fd, start, key }: NewAgeFile, bytes: number): SegmentFile {
  const prints = new SharedArrayBuffer(Math.ceil(bytes / SEGMENT) * PRINT);
  return { fd, start, key: Uint8Array.from(key.export()), printKey: randomBytes(16), prints };
}
