/** The bytes of a file, read at any place. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /** Fills `into` from an offset; returns how many bytes there were, 0 at the end. */
  read(into: Uint8Array, offset: number): number;
}

/** The first bytes of a file, at most so many. */
export function readHead(source: ByteSource, atMost: number): Buffer {
  return readAt(source, 0, Math.min(atMost, source.size));
}

/** So many bytes from an offset; fewer at the end of the file. */
export function readAt(source: ByteSource, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(Math.max(length, 0));
  let at = 0;
  for (let got = -1; got !== 0 && at < bytes.length; at += got) {
    got = source.read(bytes.subarray(at), offset + at);
  }
  return bytes.subarray(0, at);
}
