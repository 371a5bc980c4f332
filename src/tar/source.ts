/** Plaintext of a tar, read at any place. */
export interface TarSource {
  /** Bytes. */
  readonly size: number;
  /** Fills `into` from an offset; returns how many bytes there were. Throws `damaged`. */
  read(into: Uint8Array, offset: number): number;
}
