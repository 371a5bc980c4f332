/**
 * Names of files as text of latin1, which has one character for each byte: keys and comparisons
 * that hold for all names, UTF-8 or not. Not for people to read.
 */
export function latin1Of(bytes: Uint8Array): string {
  const { buffer, byteOffset, length } = bytes;
  const whole = Buffer.isBuffer(bytes) ? bytes : Buffer.from(buffer, byteOffset, length);
  return whole.toString('latin1');
}

/** The bytes that a text of `latin1Of` stands for. */
export const bytesOfLatin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
