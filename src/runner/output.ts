import { closeSync, fstatSync, openSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { reasonOf } from '../errors.ts';
import { syncFile, syncTree, writeFully } from '../files/index.ts';
import { openLogTimes, type TaskPaths } from '../store/index.ts';
import type { Output, Progress } from './engines/engine.ts';
import type { Journal } from './journal.ts';
import { openLogSpace } from './log-space.ts';

/** Where a foreground run shows its output. */
export interface Sinks {
  readonly stdout?: Writable | undefined;
  readonly stderr?: Writable | undefined;
  /** The progress of the engine's work before the start (an image that is pulled). */
  readonly onEngineProgress?: ((step: Progress) => void) | undefined;
}

/** The output of a task: everything into its log, and to the sinks where there are some. */
export interface TaskOutput extends Output {
  /** Bytes in the log. */
  readonly logged: number;
  /**
   * Why the log is not whole, or null: a disk that is full or nearly so, or
   * an engine that lost it, costs log lines, never the task.
   */
  readonly logError: string | null;
  close(): void;
}

/**
 * Opens a task's log and its times for appending, no further than `maxBytes` and than leaves the
 * disk some space, and joins the sinks to it.
 */
export function openOutput(
  { log, logTimes }: Pick<TaskPaths, 'log' | 'logTimes'>,
  sinks: Sinks = {},
  maxBytes = Number.POSITIVE_INFINITY,
): TaskOutput {
  const fd = openSync(log, 'a', 0o600);
  const times = openLogTimes(logTimes);
  const allowanceFor = openLogSpace(dirname(log), maxBytes);
  const shown = { stdout: openSink(sinks.stdout), stderr: openSink(sinks.stderr) };
  let logged = fstatSync(fd).size;
  let logError: string | null = null;
  return {
    merged: isMerged(sinks),
    progress: sinks.onEngineProgress,
    get logged() {
      return logged;
    },
    get logError() {
      return logError;
    },
    write(stream, chunk) {
      try {
        const { bytes, lack } = allowanceFor(logged, chunk.length);
        const kept = chunk.subarray(0, bytes);
        // Synchronous, so that the bytes of both streams stand in the
        // log in the order in which they came, and so that a producer
        // faster than the disk is slowed down and does not fill memory.
        if (kept.length > 0) times.note(logged);
        writeFully(fd, kept);
        logged += kept.length;
        logError ??= lack;
      } catch (error) {
        logError ??= reasonOf(error);
      }
      return shown[stream]?.(chunk);
    },
    cut(why) {
      logError ??= why;
    },
    close() {
      times[Symbol.dispose]();
      closeSync(fd);
    },
  };
}

/**
 * Has the system write a task's files and log to its disk, which it may put off for half a minute:
 * before the record says how the task ended, or a power cut leaves a completed task with empty
 * files. Where the disk fails, the task ends all the same, and sealing reads what there is.
 */
export async function syncOutput({ paths, note }: Journal): Promise<void> {
  try {
    await Promise.all([syncTree(paths.staging), syncFile(paths.log)]);
  } catch (error) {
    note({ type: 'not-synced', error: reasonOf(error) });
  }
}

/**
 * Whether the streams need not be told apart: neither is
 * shown, or both go to one terminal or file.
 */
function isMerged({ stdout, stderr }: Sinks): boolean {
  if (stdout === undefined && stderr === undefined) return true;
  const out = fileBehind(stdout);
  const err = fileBehind(stderr);
  return out !== undefined && err !== undefined && out.dev === err.dev && out.ino === err.ino;
}

function fileBehind(stream: (Writable & { readonly fd?: unknown }) | undefined): Stats | undefined {
  return typeof stream?.fd === 'number' ? fstatSync(stream.fd) : undefined;
}

/** A function that writes to a stream, and answers with a promise while the stream is behind. */
function openSink(stream: Writable | undefined) {
  if (!stream) return undefined;
  let open = true;
  // A reader that went away (`taskfs run … | head`) ends the showing, not the task.
  const stop = (): void => {
    open = false;
  };
  stream.once('error', stop);
  stream.once('close', stop);
  return (chunk: Buffer): Promise<void> | undefined => {
    // A copy: the engine uses its buffer again, while a stream may keep what it was given.
    if (!open || stream.write(Buffer.from(chunk))) return undefined;
    return firstOf(stream, ['drain', 'close', 'error']);
  };
}

function firstOf(stream: Writable, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}
