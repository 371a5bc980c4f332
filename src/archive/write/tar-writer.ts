import { randomBytes } from 'node:crypto';
import { fsync } from 'node:fs';
import { promisify } from 'node:util';
import type { NewAgeFile } from '../../age/index.ts';
import { encryptedSize } from '../../age/index.ts';
import type { CooperativeYield } from '../cooperative-yield.ts';
import { type BatchJob, batches } from './batch.ts';
import { ContentWriter, DIGEST } from './content-writer.ts';
import type { DirectoryCursor } from './directory-cursor.ts';
import { type DirectFile, preallocate } from './o-direct.ts';
import { PayloadReadBack } from './read-back.ts';
import { RingBuffer, ringMemory, SEGMENT } from './ring-buffer.ts';
import { FINGERPRINT, type SegmentFile, Segments } from './segments.ts';
import { TAR_END, type TarLayout } from './tar-layout.ts';
import type { OnChmod } from './temporary-chmod.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface TarOptions {
  readonly layout: TarLayout;
  readonly file: NewAgeFile & DirectFile;
  readonly workers: WorkerPool;
  /** Whether files may be open for writing, see ContentOptions. */
  readonly mayBeOpen: boolean;
  readonly onChmod: OnChmod;
}

/** How long the calling thread waits at most where it cannot receive messages, in milliseconds. */
const MAX_WAIT_MS = 20;

/**
 * Writes a tar of a known layout into an age file, and reads it back. The calling thread walks the
 * directories, gives batches to the workers, and does what they have no time for; without any it
 * does everything.
 */
export class TarWriter implements AsyncDisposable {
  readonly ring: RingBuffer;
  /** SHA-256 of each file's stored bytes, whole once all is written. */
  readonly digests: Uint8Array;
  private readonly options: TarOptions;
  private readonly segments: Segments;
  private readonly contents: ContentWriter;
  private readonly check: PayloadReadBack;
  private readonly file: SegmentFile;
  private durable: Promise<void> | undefined;

  constructor(options: TarOptions) {
    const { layout, file, workers, mayBeOpen, onChmod } = options;
    const memory = ringMemory(layout.bytes);
    const digests = new SharedArrayBuffer(layout.files * DIGEST);
    preallocate(file.fd, file.start + encryptedSize(layout.bytes));
    this.file = segmentFileOf(options);
    this.options = options;
    this.ring = new RingBuffer(memory);
    this.digests = new Uint8Array(digests);
    this.segments = new Segments(this.ring, this.file);
    const waitForSpace = (end: number): void => this.makeSpace(end);
    const { ring } = this;
    this.contents = new ContentWriter({
      ring,
      digests: this.digests,
      mayBeOpen,
      waitForSpace,
      onChmod,
    });
    this.check = new PayloadReadBack(ring, this.segments, this.file, () => workers.wake());
    workers.begin({ memory, file: this.file, digests, mayBeOpen });
  }

  /** Writes all of it. Throws TreeChanged, NotAsWritten, Errno or what node:fs throws. */
  async write(cursor: DirectoryCursor | undefined, pause: CooperativeYield): Promise<void> {
    const { workers, layout } = this.options;
    const jobs = batches(layout, cursor);
    let job = jobs.next().value as BatchJob | undefined;
    let mustDrain = false;
    let isEnded = false;
    for (;;) {
      workers.throwFailure();
      if (mustDrain && workers.collect()) {
        mustDrain = false;
        job = jobs.next().value as BatchJob | undefined;
      }
      if (job && !mustDrain && this.dispatch(job)) {
        mustDrain = job.isBarrier;
        if (!mustDrain) job = jobs.next().value as BatchJob | undefined;
      } else if (!job && !isEnded && this.ring.hasSpace(layout.bytes)) {
        this.contents.putEnd(layout.bytes - TAR_END, TAR_END);
        isEnded = true;
      } else if (this.ring.sealedCount() === this.ring.segments) break;
      else if (!this.check.step() && !this.sealAlone()) await workers.nextReport();
      await pause.ifDue();
    }
    workers.collect();
  }

  /** Starts to make durable what was written. */
  beginSync(): void {
    this.durable = promisify(fsync)(this.file.fd);
    this.durable.catch(() => {});
  }

  /**
   * Returns the SHA-256 of the file, durable and read back. Throws NotAsWritten, Errno or what
   * node:fs throws.
   */
  async finish(pause: CooperativeYield): Promise<string> {
    const { workers } = this.options;
    while (!this.check.isComplete) {
      workers.throwFailure();
      if (!this.check.step()) await workers.nextReport();
      await pause.ifDue();
    }
    await this.durable;
    await workers.finish();
    return this.check.digest();
  }

  /** Segments read back so far. */
  get checkedCount(): number {
    return this.check.count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.check.settle();
  }

  /** Gives a batch to a worker or writes it here; false where neither is possible now. */
  private dispatch(job: BatchJob): boolean {
    const { workers } = this.options;
    workers.collect();
    const { at, length } = job.batch;
    const isMine = job.needsMainThread || !workers.areStarted;
    if (!isMine && workers.send(job)) return true;
    if (!isMine && !this.ring.hasSpace(at + length)) return false;
    this.contents.write(job.batch);
    job.done();
    return true;
  }

  private makeSpace(end: number): void {
    for (;;) {
      const seen = this.ring.wakeups();
      if (this.ring.hasSpace(end) || this.ring.isOver()) return;
      if (!this.segments.sealOne()) this.ring.wait(seen, MAX_WAIT_MS);
    }
  }

  /** Encrypts a segment here where there are no workers. */
  private sealAlone(): boolean {
    return !this.options.workers.areStarted && this.segments.sealOne();
  }
}

function segmentFileOf({ file, layout }: TarOptions): SegmentFile {
  const { fd, direct, start, key } = file;
  const fingerprints = new SharedArrayBuffer(Math.ceil(layout.bytes / SEGMENT) * FINGERPRINT);
  const keys = { key: Uint8Array.from(key.export()), fingerprintKey: randomBytes(16) };
  return { fd, direct, start, ...keys, fingerprints };
}
