import { closeSync, fstatSync, readSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';
import { openSealed } from './reader.ts';

// The age format, version 1 (age-encryption.org/v1): a header of text lines that ends with the line
// `--- ` and its MAC, a nonce of 16 bytes, then chunks of at most 64 KiB, each with a tag of 16 bytes.
const HEADER_LIMIT = 64 * 1024;
const NONCE = 16;
const TAG = 16;
const CHUNK = 64 * 1024 + TAG;

/** How many bytes an age file holds once decrypted, by its length alone: no key is needed. */
export function decryptedSize(path: string): number {
  const fd = openSealed(path);
  try {
    const head = Buffer.alloc(HEADER_LIMIT);
    const length = readSync(fd, head, 0, head.length, 0);
    const body = fstatSync(fd).size - headerSize(path, head.subarray(0, length)) - NONCE;
    return body - TAG * Math.ceil(body / CHUNK);
  } finally {
    closeSync(fd);
  }
}

function headerSize(path: string, head: Buffer): number {
  const mac = head.indexOf('\n--- ');
  const end = mac < 0 ? -1 : head.indexOf('\n', mac + 1);
  if (end < 0) throw new TaskfsError('damaged', `${path} has no whole age header`);
  return end + 1;
}
