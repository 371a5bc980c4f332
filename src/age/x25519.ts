import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
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
  return publicKeyOf(point);
}

/** The two lines of a stanza that gives a recipient the file key. Throws for a point of low order. */
export function wrapNatively(fileKey: Uint8Array, recipient: KeyObject): string {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const secret = diffieHellman({ privateKey, publicKey: recipient });
  const share = pointOf(publicKey);
  const key = wrappingKey(secret, share, pointOf(recipient));
  const cipher = createCipheriv(CIPHER, key, NONCE, { authTagLength: TAG });
  const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
  return `-> X25519 ${base64(share)}\n${base64(body)}`;
}

/**
 * The file key that a native identity opens in a header, whose MAC is checked; undefined where it opens
 * none, or anything is not as it should be: the package says what.
 */
export function unwrapNatively(header: Buffer, identity: string): Buffer | undefined {
  const privateKey = privateKeyOf(identity);
  if (!privateKey) return undefined;
  const point = pointOf(createPublicKey(privateKey));
  const text = header.toString('latin1');
  for (const [, share = '', body = ''] of text.matchAll(STANZA)) {
    const fileKey = tryToUnwrap(privateKey, point, bytesOf(share), bytesOf(body));
    if (fileKey && hasMac(text, fileKey)) return fileKey;
  }
  return undefined;
}

/** A share of 32 bytes; a body of 16 and the tag of the cipher. */
const STANZA = /\n-> X25519 ([A-Za-z0-9+/]{43})\n([A-Za-z0-9+/]{43})(?=\n)/g;
const TAG = 16;

function privateKeyOf(identity: string): KeyObject | undefined {
  const decoded = bech32.decodeUnsafe(identity, false);
  const secret = decoded && bech32.fromWordsUnsafe(decoded.words);
  if (decoded?.prefix !== 'age-secret-key-' || secret?.length !== POINT_BYTES) return undefined;
  const key = Buffer.concat([PKCS8_X25519, secret]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

/** What stands before the 32 bytes of a private key (RFC 8410, section 7). */
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex');

function tryToUnwrap(
  privateKey: KeyObject,
  point: Buffer,
  share: Buffer,
  body: Buffer,
): Buffer | undefined {
  try {
    const secret = diffieHellman({ privateKey, publicKey: publicKeyOf(share) });
    const decipher = createDecipheriv(CIPHER, wrappingKey(secret, share, point), NONCE, {
      authTagLength: TAG,
    });
    decipher.setAuthTag(body.subarray(-TAG));
    return Buffer.concat([decipher.update(body.subarray(0, -TAG)), decipher.final()]);
  } catch {
    // Another recipient's stanza, or a point of low order.
    return undefined;
  }
}

function hasMac(header: string, fileKey: Buffer): boolean {
  const end = header.lastIndexOf('\n--- ') + '\n---'.length;
  return header.slice(end) === ` ${base64(macOf(header.slice(0, end), fileKey))}\n`;
}

/** The MAC of a header up to and with its `---`. */
export function macOf(text: string, fileKey: Uint8Array): Buffer {
  const key = Buffer.from(hkdfSync('sha256', fileKey, '', 'header', 32));
  return createHmac('sha256', key).update(text).digest();
}

const wrappingKey = (secret: Buffer, share: Buffer, recipient: Buffer): Buffer =>
  Buffer.from(
    hkdfSync(
      'sha256',
      secret,
      Buffer.concat([share, recipient]),
      'age-encryption.org/v1/X25519',
      32,
    ),
  );

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64');

const CIPHER = 'chacha20-poly1305';
const NONCE = Buffer.alloc(12);
const POINT_BYTES = 32;

function publicKeyOf(point: Uint8Array): KeyObject {
  const x = Buffer.from(point).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
}

function pointOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
}

/** Base64 without padding, as age writes it. */
export const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
