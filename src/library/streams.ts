import {
  type ArtifactTree,
  findLines,
  followLog,
  isLogComplete,
  type LogPiece,
  openLog,
  readLog,
} from '../artifacts/index.ts';
import { TaskfsError } from '../errors.ts';
import { isInterrupted, viewTask } from '../runner/index.ts';
import type { TaskName } from '../store/index.ts';
import type { Store } from './store.ts';

/** Which lines of a log are read: all that are there, by default. */
export interface LogOptions {
  /** Goes on until the task has ended, or nobody supervises it any more. */
  readonly follow?: boolean;
  /** Only so many of the lines, from the end. */
  readonly tail?: number;
  /** Only those that began then or later, and by then. */
  readonly since?: Date;
  readonly until?: Date;
}

/** What a task printed, as a stream, which closes the log once all was read. */
export async function logStream(
  { paths, identities }: Store,
  task: TaskName,
  { follow = false, tail, since, until }: LogOptions,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  using opened = new DisposableStack();
  const log = opened.use(await openLog(paths, task, identities));
  const untilMs = until?.getTime();
  const range = findLines(log, task, { tail, since: since?.getTime(), until: untilMs });
  const isOver = () => isLogComplete(paths, task, untilMs) || isInterrupted(viewTask(paths, task));
  const pieces = follow ? followLog(log, range, isOver) : readLog(log, range);
  return ReadableStream.from(bytesOf(pieces, opened.move()));
}

async function* bytesOf(
  pieces: Iterable<LogPiece> | AsyncIterable<LogPiece>,
  resource: Disposable,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  using _ = resource;
  for await (const { bytes } of pieces) yield new Uint8Array(bytes);
}

const PIECE = 256 * 1024;

/** A file as a stream, which closes the tree once all was read, or nobody reads on. */
export function fileStream(
  tree: ArtifactTree,
  path: string | Uint8Array,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  using opened = new DisposableStack();
  opened.use(tree);
  const node = opened.use(tree.find(path, 'follow'));
  if (node.artifact.type !== 'file') {
    throw new TaskfsError('usage', `'${path}' is a ${node.artifact.type}, not a file`);
  }
  return streamOf((into, at) => node.read(into, at), opened.move());
}

function streamOf(
  read: (into: Uint8Array, offset: number) => number,
  resource: Disposable,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream(
    {
      pull(controller) {
        try {
          const piece = new Uint8Array(PIECE);
          const got = read(piece, at);
          at += got;
          if (got > 0) return controller.enqueue(piece.subarray(0, got));
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        resource[Symbol.dispose]();
      },
      cancel: () => resource[Symbol.dispose](),
    },
    { highWaterMark: 0 },
  );
}
