import { isUtf8 } from 'node:buffer';
import { printableText } from '../printable.ts';

/**
 * A name or path in JSON. Names are bytes on Linux and JSON is Unicode, so some need a second
 * field.
 */
export interface JsonPath {
  /** The bytes as UTF-8; what is not UTF-8 shows as U+FFFD. */
  readonly path: string;
  /**
   * Only where the bytes are not UTF-8: all of them in base64. Where it is there, it is the name.
   */
  readonly pathBase64?: string;
}

/** A path for JSON, without loss: two different paths never give the same object. */
export function jsonPath(path: Buffer): JsonPath {
  const text = path.toString('utf8');
  return isUtf8(path) ? { path: text } : { path: text, pathBase64: path.toString('base64') };
}

/**
 * A name for a terminal: control characters and bytes that are not UTF-8 are written as escapes,
 * so that no file name can move the cursor, end a line or pass for another.
 */
export function printableName(name: Buffer): string {
  return printableText(isUtf8(name) ? name.toString('utf8') : escapeInvalid(name));
}

function escapeInvalid(name: Buffer): string {
  let text = '';
  for (let at = 0; at < name.length; ) {
    const length = sequenceLength(name, at);
    if (length > 0) text += name.toString('utf8', at, at + length);
    else text += `\\x${name.toString('hex', at, at + 1)}`;
    at += Math.max(length, 1);
  }
  return text;
}

/** How many bytes the valid UTF-8 sequence at `at` has; 0 where there is none. */
function sequenceLength(name: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= name.length; length++) {
    if (isUtf8(name.subarray(at, at + length))) return length;
  }
  return 0;
}
