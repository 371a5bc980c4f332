/**
 * What a file is and how it can be shown: its media type by its first bytes and its name, and
 * thumbnails of pictures. Works on bytes; where they come from does not enter.
 */
export {
  type ContentType,
  detectContentType,
  HEAD_BYTES,
  looksLikeText,
  type View,
} from './content-type.ts';
export { hasThumbnails, MAX_PICTURE_BYTES, makeThumbnail } from './thumbnail.ts';
