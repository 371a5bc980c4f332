import { randomBytes } from 'node:crypto';
import { fsync } from 'node:fs';
import { promisify } from 'node:util';
import type { NewAgeFile } from '../../age/index.ts';
import { encryptedSize } from '../../age/index.ts';
import { batches, type Work } from './batch.ts';
import { DIGEST, Filler } from './content-writer.ts';
import type { Pace } from './cooperative-yield.ts';
import type { Descent } from './directory-cursor.ts';
import { type DirectFile, reserve } from './o-direct.ts';
import { PayloadCheck } from './payload-check.ts';
import { SEGMENT, TarWindow, windowMemory } from './ring-buffer.ts';
import { PRINT, type SegmentFile, Segments } from './segments.ts';
import { type Plan, TAR_END } from './tar-layout.ts';
import type { TarThreads } from './tar-workers.ts';
import type { OnLend } from './temporary-chmod.ts';

export interface TarOptions {
  readonly plan: Plan;
  readonly file: NewAgeFile & DirectFile;
  readonly threads: TarThreads;
  /** Whether files may be open for writing, see FillOptions. */
  readonly mayBeOpen: boolean;
  readonly onLend: OnLend;
}

/** How long the calling thread waits at once where it cannot wait for news, in milliseconds. */
const BLIND_WAIT = 20;

/**
 * Writes a planned tar into an age file, and reads it back. The calling thread finds the directories, hands
 * out batches to the others, and does what they have no hands for; without any it does all.
 */
export class TarWriter implements AsyncDisposable {
  readonly window: TarWindow;
  /** SHA-256 of each file's stored bytes, whole once all is written. */
  readonly digests: Uint8Array;
  private readonly options: TarOptions;
  private readonly segments: Segments;
  private readonly filler: Filler;
  private readonly check: PayloadCheck;
  private readonly file: SegmentFile;
  private durable: Promise<void> | undefined;

  constructor(options: TarOptions) {
    const { plan, file, threads, mayBeOpen, onLend } = options;
    const memory = windowMemory(plan.bytes);
    const digests = new SharedArrayBuffer(plan.files * DIGEST);
    reserve(file.fd, file.start + encryptedSize(plan.bytes));
    this.file = segmentFileOf(options);
    this.options = options;
    this.window = new TarWindow(memory);
    this.digests = new Uint8Array(digests);
    this.segments = new Segments(this.window, this.file);
    const waitForRoom = (end: number): void => this.makeRoom(end);
    const { window } = this;
    this.filler = new Filler({ window, digests: this.digests, mayBeOpen, waitForRoom, onLend });
    this.check = new PayloadCheck(window, this.segments, this.file, () => threads.stir());
    threads.begin({ memory, file: this.file, digests, mayBeOpen });
  }

  /** Writes all of it. Throws TreeChanged, NotAsWritten, Errno or what node:fs throws. */
  async write(descent: Descent | undefined, pace: Pace): Promise<void> {
    const { threads, plan } = this.options;
    const works = batches(plan, descent);
    let work = works.next().value as Work | undefined;
    let mustDrain = false;
    let isEnded = false;
    for (;;) {
      threads.throwFailure();
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
      } else if (this.window.sealedCount() === this.window.segments) break;
      else if (!this.check.step() && !this.sealAlone()) await threads.news();
      await pace.keep();
    }
    threads.collect();
  }

  /** From now on what was written is made durable. */
  beginSync(): void {
    this.durable = promisify(fsync)(this.file.fd);
    this.durable.catch(() => {});
  }

  /** Returns the SHA-256 of the file, durable and read back. Throws NotAsWritten, Errno or what node:fs throws. */
  async finish(pace: Pace): Promise<string> {
    const { threads } = this.options;
    while (!this.check.isComplete) {
      threads.throwFailure();
      if (!this.check.step()) await threads.news();
      await pace.keep();
    }
    await this.durable;
    await threads.finish();
    return this.check.digest();
  }

  /** Segments that are read back. */
  get checkedCount(): number {
    return this.check.count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.check.settle();
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
      if (this.window.hasRoom(end) || this.window.isOver()) return;
      if (!this.segments.sealOne()) this.window.wait(heard, BLIND_WAIT);
    }
  }

  /** Threads seal by themselves, and this one has more to do then. */
  private sealAlone(): boolean {
    return !this.options.threads.areStarted && this.segments.sealOne();
  }
}

function segmentFileOf({ file, plan }: TarOptions): SegmentFile {
  const { fd, direct, start, key } = file;
  const prints = new SharedArrayBuffer(Math.ceil(plan.bytes / SEGMENT) * PRINT);
  const keys = { key: Uint8Array.from(key.export()), printKey: randomBytes(16) };
  return { fd, direct, start, ...keys, prints };
}
