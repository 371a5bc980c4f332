import { rmSync } from 'node:fs';
import type { StreamName } from './frames.ts';
import { type LostLineFeeds, openLostLineFeeds } from './lost-line-feeds.ts';
import { appendNote, readNotes } from './note-file.ts';

/** How many bytes of each stream of a run were handed on. */
export interface Counts {
  readonly stdout: number;
  readonly stderr: number;
}

/**
 * A task's log holds both streams in one; the engine's own log may have merged them in another
 * order. To continue after a crash without losing or doubling a byte, one has to know how much of
 * each stream is in the task's log. So before output of another stream than the last is handed on,
 * a line is appended to this file: the stream's name, and the length of the log. The log's own
 * length then says how much of the last segment was written.
 */
export interface LogOffsets {
  readonly counts: Counts;
  readonly feeds: LostLineFeeds;
  /** To be called before `bytes` of a stream are handed on. */
  enter(stream: StreamName, bytes: number): void;
}

/** Opens the offsets of a run, new or kept, as of a log that is `logged` bytes long. */
export function openLogOffsets(path: string, logged: number): LogOffsets {
  const counts = { ...readCounts(path, logged) };
  let current: StreamName | null = null;
  return {
    counts,
    feeds: openLostLineFeeds(lineFeedsOf(path)),
    enter(stream, bytes) {
      if (stream !== current) appendNote(path, `${stream} ${counts.stdout + counts.stderr}\n`);
      current = stream;
      counts[stream] += bytes;
    },
  };
}

export function removeLogOffsets(path: string): void {
  for (const file of [path, lineFeedsOf(path)]) rmSync(file, { force: true });
}

const lineFeedsOf = (path: string): string => `${path}.feeds`;

function readCounts(path: string, logged: number): Counts {
  const counts = { stdout: 0, stderr: 0 };
  const segments = readSegments(path);
  for (const [index, { stream, from }] of segments.entries()) {
    const to = Math.min(segments[index + 1]?.from ?? logged, logged);
    counts[stream] += Math.max(0, to - from);
  }
  return counts;
}

/** Consecutive output of one stream. */
interface Segment {
  readonly stream: StreamName;
  readonly from: number;
}

function readSegments(path: string): Segment[] {
  return readNotes(path)
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [stream, from] = line.split(' ');
      return { stream: stream === 'stderr' ? 'stderr' : 'stdout', from: Number(from) };
    });
}
