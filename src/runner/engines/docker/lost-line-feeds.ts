import type { StreamName } from './frames.ts';
import { appendNote, readNotes } from './note-file.ts';

type PerStream<T> = Readonly<Record<StreamName, T>>;

/** In what pieces the engine logs a long line, in bytes. */
const PIECE_BYTES = 16_384;
const LINE_FEED = 0x0a;

/**
 * Where the engine's log may lack a line feed that its container printed: Docker 20.10 drops that
 * of a line which fills its last piece exactly. Continuing with the log where a container's own
 * streams broke off would be a byte off.
 */
export interface LostLineFeeds {
  /** Offsets in each stream, ascending. */
  readonly places: PerStream<readonly number[]>;
  /** Notes such lines in what a container printed; `at` is the chunk's offset in its stream. */
  note(stream: StreamName, chunk: Buffer, at: number): void;
}

/** Opens the notes of a run, new or kept in a file. */
export function openLostLineFeeds(path: string): LostLineFeeds {
  const places = readPlaces(path);
  const lineStarts = { stdout: 0, stderr: 0 };
  return {
    places,
    note(stream, chunk, at) {
      const { found, lineStart } = findFeeds(chunk, lineStarts[stream] - at);
      lineStarts[stream] = at + lineStart;
      for (const index of found) {
        places[stream].push(at + index);
        appendNote(path, `${stream} ${at + index}\n`);
      }
    },
  };
}

/**
 * Line feeds that end a line of a multiple of 16 KiB. `lineStart` is where the first line begins,
 * negative where that was in an earlier chunk; returned is where the last one does. Of short lines
 * only the last one in each piece is searched for.
 */
function findFeeds(chunk: Buffer, lineStart: number): { found: number[]; lineStart: number } {
  const found: number[] = [];
  let start = lineStart;
  for (let at = 0; at < chunk.length; ) {
    const edge = start + PIECE_BYTES * Math.max(1, Math.ceil((at - start) / PIECE_BYTES));
    const last = chunk.subarray(at, edge).lastIndexOf(LINE_FEED);
    if (last !== -1) {
      at += last + 1;
      start = at;
      continue;
    }
    at = edge + 1;
    if (chunk[edge] !== LINE_FEED) continue;
    found.push(edge);
    start = at;
  }
  return { found, lineStart: start };
}

/**
 * A function that leaves, of each piece of the engine's log in turn,
 * what was not handed on before. An engine that dropped one line
 * feed drops all: a later one in its place is that of an empty line.
 */
export function createSkip(
  counts: PerStream<number>,
  places: PerStream<readonly number[]>,
): (stream: StreamName, bytes: Buffer) => Buffer {
  const passed = { stdout: 0, stderr: 0 };
  const next = { stdout: 0, stderr: 0 };
  let drops = false;
  return (stream, bytes) => {
    let rest = bytes;
    while (passed[stream] < counts[stream] && rest.length > 0) {
      const place = places[stream][next[stream]] ?? Number.POSITIVE_INFINITY;
      if (place === passed[stream]) {
        drops ||= rest[0] !== LINE_FEED;
        if (!drops) rest = rest.subarray(1);
        passed[stream] += 1;
        next[stream] += 1;
        continue;
      }
      const step = Math.min(rest.length, Math.min(place, counts[stream]) - passed[stream]);
      rest = rest.subarray(step);
      passed[stream] += step;
    }
    return rest;
  };
}

function readPlaces(path: string): Record<StreamName, number[]> {
  const places: Record<StreamName, number[]> = { stdout: [], stderr: [] };
  for (const line of readNotes(path).split('\n').slice(0, -1)) {
    const [stream, offset] = line.split(' ');
    places[stream === 'stderr' ? 'stderr' : 'stdout'].push(Number(offset));
  }
  return places;
}
