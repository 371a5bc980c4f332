/**
 * What a file is and how it can be shown: its media type by its first bytes and its name, its
 * facts, its beginning as lines for a terminal, and thumbnails of pictures. Works on bytes;
 * preview.ts alone knows of tasks' trees. Terminals and pages do not enter.
 */
export {
  type ContentType,
  detectContentType,
  HEAD_BYTES,
} from './content-type.ts';
export type { Facts } from './facts.ts';
export { isDecoded, showFacts } from './facts.ts';
export type { Extent } from './file-lines.ts';
export { type Preview, previewArtifact } from './preview.ts';
export { hasThumbnails, MAX_PICTURE_BYTES } from './sharp.ts';
export { readHead } from './source.ts';
export { makeRaster, makeStrip, makeThumbnail } from './thumbnail.ts';
