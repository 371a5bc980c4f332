/** A stretch of a file that holds data, or of the index. Bytes. */
export interface Stretch {
  readonly start: number;
  readonly length: number;
}
