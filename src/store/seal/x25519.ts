import {
  createCipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { bech32 } from '@scure/base';

/**
 * The native keys of age (C2SP age.md, "The X25519 recipient type") by Node's own cryptography: to load
 * the age package, and to wrap the five keys of a task with it, took longer than all else of sealing a
 * small one. Other kinds of recipients are the package's.
 */

/** A fresh pair, in the forms that age writes. */
export interface AgePair {
  /** `AGE-SECRET-KEY-1…` */
  readonly identity: string;
  /** `age1…` */
  readonly recipient: string;
}

export function newAgePair(): AgePair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const { d = '' } = privateKey.export({ format: 'jwk' });
  const secret = Buffer.from(d, 'base64url');
  return {
    identity: bech32.encodeFromBytes('AGE-SECRET-KEY-', secret).toUpperCase(),
    recipient: bech32.encodeFromBytes('age', pointOf(publicKey)),
  };
}

/** The key of a native recipient; undefined where it is of another kind, or malformed. */
export function nativeKey(recipient: string): KeyObject | undefined {
  const decoded = bech32.decodeUnsafe(recipient, false);
  const point = decoded && bech32.fromWordsUnsafe(decoded.words);
  if (decoded?.prefix !== 'age' || point?.length !== POINT_BYTES) return undefined;
  const x = Buffer.from(point).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
}

/** The two lines of a stanza that gives a recipient the file key. Throws for a point of low order. */
export function wrapNatively(fileKey: Uint8Array, recipient: KeyObject): string {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const secret = diffieHellman({ privateKey, publicKey: recipient });
  const share = pointOf(publicKey);
  const salt = Buffer.concat([share, pointOf(recipient)]);
  const key = Buffer.from(hkdfSync('sha256', secret, salt, 'age-encryption.org/v1/X25519', 32));
  const cipher = createCipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: 16 });
  const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
  return `-> X25519 ${base64(share)}\n${base64(body)}`;
}

const POINT_BYTES = 32;

function pointOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
}

/** Base64 without padding, as age writes it. */
export const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
