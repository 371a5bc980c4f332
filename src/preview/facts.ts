/** What a file says of itself, by its kind; what is not known is absent. */
export interface Facts {
  /** Of a picture or video, in pixels. */
  readonly width?: number;
  readonly height?: number;
  /** Of an animated picture. */
  readonly frames?: number;
  /** Of audio and video, in seconds. */
  readonly duration?: number;
  readonly container?: string;
  readonly codec?: string;
  readonly sampleRate?: number;
  readonly channels?: number;
  readonly title?: string;
  readonly artist?: string;
  /** Of a PDF: its version and how many pages it has. */
  readonly version?: string;
  readonly pages?: number;
  /** Of an archive: how many names, and their bytes unpacked; those that were read. */
  readonly entries?: number;
  readonly unpackedBytes?: number;
  /** Why there are no more facts. */
  readonly trouble?: string;
}
