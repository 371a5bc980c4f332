/** A piece of a container's output. */
export interface Piece {
  /** `system`: a message of the engine, why the stream ends. */
  readonly stream: StreamName | 'system';
  readonly bytes: Buffer;
}

const HEADER_BYTES = 8;
const streams: Readonly<Record<number, Piece['stream']>> = { 2: 'stderr', 3: 'system' };

/**
 * Splits the engine's multiplexed stream: frames of one byte for the stream (1 stdout, 2 stderr, 3
 * the engine), three of nothing, a big-endian length in four, and the payload (Docker Engine API,
 * "Attach to a container", stream format). Pieces are handed on as they come, in order, none is
 * held back until its frame is whole.
 */
export async function* splitFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Piece> {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerBytes = 0;
  let payloadBytes = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      if (payloadBytes > 0) {
        const bytes = chunk.subarray(at, at + payloadBytes);
        yield { stream: streams[header[0] ?? 0] ?? 'stdout', bytes };
        payloadBytes -= bytes.length;
        at += bytes.length;
        continue;
      }
      const copied = chunk.copy(header, headerBytes, at, at + HEADER_BYTES - headerBytes);
      headerBytes += copied;
      at += copied;
      if (headerBytes < HEADER_BYTES) continue;
      payloadBytes = header.readUInt32BE(4);
      headerBytes = 0;
    }
  }
}

/** The stream of a container with a terminal: stdout only, as it is. */
export async function* unframed(source: AsyncIterable<Buffer>): AsyncGenerator<Piece> {
  for await (const bytes of source) yield { stream: 'stdout', bytes };
}

/** The streams of a container's output. */
export type StreamName = 'stdout' | 'stderr';
