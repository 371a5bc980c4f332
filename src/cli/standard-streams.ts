import { fstatSync, read, write } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { isatty } from 'node:tty';

/**
 * Standard streams that leave the flags of their descriptors alone. Node's own make a pipe
 * non-blocking, for everybody who shares it: a neighbour's write then fails in the middle.
 * A terminal Node opens again for itself, so there its streams are kept.
 */
export function installStandardStreams(): void {
  const queues = queuesByFile();
  if (!isatty(0)) defineStream('stdin', () => new DescriptorReader(0));
  if (!isatty(1)) defineStream('stdout', () => new DescriptorWriter(1, queues(1)));
  if (!isatty(2)) defineStream('stderr', () => new DescriptorWriter(2, queues(2)));
}

function defineStream(name: 'stdin' | 'stdout' | 'stderr', make: () => Readable | Writable): void {
  let stream: Readable | Writable | undefined;
  const get = (): Readable | Writable => {
    stream ??= make();
    return stream;
  };
  Object.defineProperty(process, name, { configurable: true, enumerable: true, get });
}

/** The write that comes last so far; the next one follows it. */
interface WriteQueue {
  last: Promise<void>;
}

/** Both descriptors may be of one file, in which words and data keep their order. */
function queuesByFile(): (fd: number) => WriteQueue {
  const known = new Map<string, WriteQueue>();
  return (fd) => {
    const { dev, ino, rdev } = fstatSync(fd);
    const key = `${dev} ${ino} ${rdev}`;
    const queue = known.get(key) ?? { last: Promise.resolve() };
    known.set(key, queue);
    return queue;
  };
}

/** Before a descriptor that somebody else made non-blocking is tried again, in milliseconds. */
const RETRY_MS = 10;

type Done = (error?: Error | null) => void;

/** Writes to a descriptor that may block, on a thread of Node's pool. */
class DescriptorWriter extends Writable {
  readonly fd: number;
  private readonly queue: WriteQueue;

  constructor(fd: number, queue: WriteQueue) {
    super();
    this.fd = fd;
    this.queue = queue;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const write = (): Promise<void> => writeWhole(this.fd, chunk);
    this.queue.last = this.queue.last.then(write).then(() => done(), done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'utf8', done);
  }
}

async function writeWhole(fd: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += await writeSome(fd, bytes, at);
}

function writeSome(fd: number, bytes: Buffer, from: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const attempt = (): void => {
      write(fd, bytes, from, bytes.length - from, null, (error, written) => {
        if (error?.code === 'EAGAIN') setTimeout(attempt, RETRY_MS);
        else if (error) reject(error);
        else resolve(written);
      });
    };
    attempt();
  });
}

/** Reads a descriptor that may block, on a thread of Node's pool. */
class DescriptorReader extends Readable {
  readonly fd: number;

  constructor(fd: number) {
    super();
    this.fd = fd;
  }

  override _read(size: number): void {
    const buffer = Buffer.allocUnsafe(size);
    read(this.fd, buffer, 0, size, null, (error, length) => {
      if (error?.code === 'EAGAIN') setTimeout(() => this._read(size), RETRY_MS);
      else if (error) this.destroy(error);
      else this.push(length === 0 ? null : buffer.subarray(0, length));
    });
  }
}
