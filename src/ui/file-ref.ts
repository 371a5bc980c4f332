import { TaskfsError } from '../errors.ts';
import type { FileRef } from './protocol.ts';

/** References to files, as `FileRef` describes them. */

export function encodeRef(path: Uint8Array): FileRef {
  const text = Buffer.from(path).toString('latin1');
  if (PLAIN.test(text)) return text;
  return text.replace(/[^\w.~/-]/g, (byte) => {
    return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

const PLAIN = /^[\w.~/-]*$/;

/** The bytes of a path; whether it leads anywhere, its reader says. Throws `usage`. */
export function decodeRef(ref: string): Buffer {
  if (!/^(?:[\x20-\x24\x26-\x7e]|%[0-9A-Fa-f]{2})*$/.test(ref)) {
    throw new TaskfsError('usage', 'that is not a reference to a file');
  }
  const text = ref.replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(text, 'latin1');
}
