/** Bytes of a file from `start` to before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The range that a `Range` header asks for (RFC 9110, section 14.2) of so many bytes; `whole` where
 * there is none, or several, which a server may ignore; undefined where it cannot be satisfied.
 */
function parseRange(header: string | undefined, size: number): ByteRange | 'whole' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return 'whole';
  if (first === '') return within(Math.max(0, size - Number(last)), size, size);
  return within(Number(first), last === '' ? size : Number(last) + 1, size);
}

function within(start: number, end: number, size: number): ByteRange | undefined {
  return start < size && start < end ? { start, end: Math.min(end, size) } : undefined;
}

/** What bytes are read from; closed when the answer has been sent, or is not wanted any more. */
export interface ByteSource extends Disposable {
  /** Bytes. */
  readonly size: number;
  /** Reads at an offset; 0 at the end. */
  read(into: Uint8Array, offset: number): number;
}

const PIECE = 256 * 1024;

/**
 * Answers with a file's bytes, or the range that is asked for. A file that becomes shorter
 * meanwhile breaks the answer off: its length has been said.
 */
export function bytesResponse(
  source: ByteSource,
  range: string | undefined,
  headers: Readonly<Record<string, string>>,
): Response {
  const { size } = source;
  const found = parseRange(range, size);
  const all = { ...headers, 'Accept-Ranges': 'bytes' };
  if (found === undefined && size > 0) {
    source[Symbol.dispose]();
    return new Response(null, {
      status: 416,
      headers: { ...all, 'Content-Range': `bytes */${size}` },
    });
  }
  const isPart = found !== undefined && found !== 'whole';
  const { start, end } = isPart ? found : { start: 0, end: size };
  return new Response(streamOf(source, start, end), {
    status: isPart ? 206 : 200,
    headers: {
      ...all,
      'Content-Length': String(end - start),
      ...(isPart && { 'Content-Range': `bytes ${start}-${end - 1}/${size}` }),
    },
  });
}

function streamOf(source: ByteSource, start: number, end: number): ReadableStream<Uint8Array> {
  let at = start;
  return new ReadableStream({
    pull: (controller) => {
      try {
        const into = new Uint8Array(Math.min(PIECE, end - at));
        const got = into.length === 0 ? 0 : source.read(into, at);
        at += got;
        if (got > 0) controller.enqueue(into.subarray(0, got));
        if (at < end && got > 0) return;
        source[Symbol.dispose]();
        if (at < end) controller.error(new Error('the file became shorter while it was read'));
        else controller.close();
      } catch (error) {
        source[Symbol.dispose]();
        controller.error(error);
      }
    },
    cancel: () => source[Symbol.dispose](),
  });
}
