import { rmSync } from 'node:fs';
import { type LostFeeds, openLostFeeds } from './lost-feeds.ts';
import { append, readOptional } from './note-file.ts';
import type { StreamName } from './stream-name.ts';

/** How many bytes of each stream of a run were handed on. */
export interface Counts {
  readonly stdout: number;
  readonly stderr: number;
}

/**
 * A task's log holds both streams in one; the engine's own log may have merged them in another
 * order. To go on after a crash without losing or doubling a byte, one has to know how much of each
 * stream is in the task's log. So before a stretch of output from another stream than the last is
 * handed on, a line goes to this file: the stream's name, and the log's length at that moment. The
 * log's own length then says how much of the last stretch was written.
 */
export interface Ledger {
  readonly counts: Counts;
  readonly feeds: LostFeeds;
  /** To be called before `bytes` of a stream are handed on. */
  enter(stream: StreamName, bytes: number): void;
}

/** Opens a ledger, new or kept, as of a log that is `logged` bytes long. */
export function openLedger(path: string, logged: number): Ledger {
  const counts = { ...readCounts(path, logged) };
  let current: StreamName | null = null;
  return {
    counts,
    feeds: openLostFeeds(feedsOf(path)),
    enter(stream, bytes) {
      if (stream !== current) append(path, `${stream} ${counts.stdout + counts.stderr}\n`);
      current = stream;
      counts[stream] += bytes;
    },
  };
}

export function removeLedger(path: string): void {
  for (const file of [path, feedsOf(path)]) rmSync(file, { force: true });
}

const feedsOf = (path: string): string => `${path}.feeds`;

function readCounts(path: string, logged: number): Counts {
  const counts = { stdout: 0, stderr: 0 };
  const stretches = readStretches(path);
  for (const [index, { stream, from }] of stretches.entries()) {
    const to = Math.min(stretches[index + 1]?.from ?? logged, logged);
    counts[stream] += Math.max(0, to - from);
  }
  return counts;
}

interface Stretch {
  readonly stream: StreamName;
  readonly from: number;
}

function readStretches(path: string): Stretch[] {
  return readOptional(path)
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [stream, from] = line.split(' ');
      return { stream: stream === 'stderr' ? 'stderr' : 'stdout', from: Number(from) };
    });
}
