import { isUtf8 } from 'node:buffer';

/**
 * Bytes as text, without loss. Arguments, variables and paths are bytes to the kernel and mostly
 * UTF-8; a byte that is not becomes a lone low surrogate, U+DC80 to U+DCFF, as in Python's
 * `surrogateescape` (PEP 383). No UTF-8 decodes to one, so `encodeText` gives the same bytes back.
 */

const ESCAPES_AT = 0xdc00;

/** The text of any bytes; `encodeText` undoes it. */
export function decodeBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length > 0) text += bytes.toString('utf8', at, at + length);
    else text += String.fromCharCode(ESCAPES_AT + bytes.readUInt8(at));
    at += Math.max(length, 1);
  }
  return text;
}

/** How many bytes the valid UTF-8 sequence at `at` has; 0 where there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}

/** The bytes that a text of `decodeBytes` stands for. */
export function encodeText(text: string): Buffer {
  if (isPlainText(text)) return Buffer.from(text);
  const parts = text.split(/([\udc80-\udcff])/u);
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 0 ? Buffer.from(part) : Buffer.of(part.charCodeAt(0) - ESCAPES_AT),
    ),
  );
}

/** Whether a text is the same in UTF-8: it holds no escaped byte. */
export const isPlainText = (text: string): boolean => text.isWellFormed();

/** A text for people and for JSON: what is not UTF-8 shows as U+FFFD. */
export const showText = (text: string): string => text.toWellFormed();
