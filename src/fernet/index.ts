/**
 * Fernet tokens (github.com/fernet/spec, version 0x80): keys and decryption. What is in a token,
 * and where it comes from, does not enter; nothing is encrypted with it.
 */
import { createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { TaskfsError } from '../errors.ts';

const VERSION = 0x80;
/** Version, time, initialisation vector; then the ciphertext, then the HMAC. */
const IV_AT = 9;
const TEXT_AT = 25;
const HMAC_LENGTH = 32;
const BLOCK = 16;

/** A key: 16 bytes that sign, 16 that encrypt. */
export type FernetKey = Buffer;

/**
 * Decrypts a token, text in URL-safe base64. Throws `damaged` where it is none, `wrong-key` where
 * this key did not sign it, or it was changed.
 */
export function openToken(token: Buffer, key: FernetKey): Buffer {
  const bytes = Buffer.from(token.toString('latin1').trim(), 'base64url');
  const textLength = bytes.length - TEXT_AT - HMAC_LENGTH;
  if (bytes[0] !== VERSION || textLength < BLOCK || textLength % BLOCK !== 0) {
    throw new TaskfsError('damaged', 'it is no Fernet token');
  }
  const signed = bytes.subarray(0, -HMAC_LENGTH);
  const hmac = createHmac('sha256', key.subarray(0, 16)).update(signed).digest();
  if (!timingSafeEqual(hmac, bytes.subarray(-HMAC_LENGTH))) {
    throw new TaskfsError('wrong-key', 'this key did not sign it, or it was changed');
  }
  const iv = bytes.subarray(IV_AT, TEXT_AT);
  const decipher = createDecipheriv('aes-128-cbc', key.subarray(16, 32), iv);
  return Buffer.concat([decipher.update(signed.subarray(TEXT_AT)), decipher.final()]);
}
