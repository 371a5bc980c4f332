import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';

/**
 * What stanzas for X25519 and for SSH keys share (C2SP age.md): Curve25519 by Node's own
 * cryptography, and a file key encrypted under the secret that comes of it.
 */

/** Bytes of a point, and of a scalar. */
export const POINT_BYTES = 32;

/** What stands before the 32 bytes of a private key (RFC 8410, section 7). */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

export function privateKeyOf(scalar: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8_X25519, scalar]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

export function publicKeyOf(point: Uint8Array): KeyObject {
  const x = Buffer.from(point).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
}

/** The point of a public key, or of the one that belongs to a private key. */
export const pointOf = (key: KeyObject): Buffer =>
  Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');

/** X25519 (RFC 7748). Throws for a point of low order. */
export const x25519 = (privateKey: KeyObject, point: Uint8Array): Buffer =>
  diffieHellman({ privateKey, publicKey: publicKeyOf(point) });

/** 32 bytes by HKDF with SHA-256 (RFC 5869). */
export const hkdf = (secret: Uint8Array, salt: Uint8Array | string, info: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, salt, info, 32));

const CIPHER = 'chacha20-poly1305';
const TAG = 16;
const FILE_KEY = 16;
/** Of zeros: each key encrypts one file key. */
const NONCE = Buffer.alloc(12);

/** The body of a stanza. */
export function wrapFileKey(key: Buffer, fileKey: Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, key, NONCE, { authTagLength: TAG });
  return Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
}

/**
 * The file key in the body of a stanza. Throws where it is none, or encrypted under another key.
 */
export function unwrapFileKey(key: Buffer, body: Uint8Array): Buffer {
  if (body.length !== FILE_KEY + TAG) throw new Error('a stanza holds no file key');
  const decipher = createDecipheriv(CIPHER, key, NONCE, { authTagLength: TAG });
  decipher.setAuthTag(body.subarray(-TAG));
  return Buffer.concat([decipher.update(body.subarray(0, -TAG)), decipher.final()]);
}

/** Base64 without padding, as age writes it. */
export const unpaddedBase64 = (bytes: Buffer): string =>
  bytes.toString('base64').replace(/=+$/, '');
