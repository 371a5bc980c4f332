import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { bech32 } from '@scure/base';
import {
  hkdf,
  POINT_BYTES,
  pointOf,
  privateKeyOf,
  publicKeyOf,
  unpaddedBase64,
  unwrapFileKey,
  wrapFileKey,
  x25519,
} from './key-wrapping.ts';

/**
 * The native keys of age (C2SP age.md, "The X25519 recipient type") by Node's own cryptography: to
 * load the age package, and to wrap the five keys of a task with it, took longer than all else of
 * sealing a small one. Other kinds of recipients are the package's.
 */

const LABEL = 'age-encryption.org/v1/X25519';

/** A fresh pair, in the forms that age writes. */
interface AgePair {
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
  const point = decodeBech32(recipient, 'age');
  return point && publicKeyOf(point);
}

/** The stanza, two lines, that gives a recipient the file key. Throws for a point of low order. */
export function wrapNatively(fileKey: Uint8Array, recipient: KeyObject): string {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const share = pointOf(publicKey);
  const point = pointOf(recipient);
  const body = wrapFileKey(wrappingKey(x25519(privateKey, point), share, point), fileKey);
  return `-> X25519 ${unpaddedBase64(share)}\n${unpaddedBase64(body)}`;
}

/** A share of 32 bytes; a body of 16 and the tag of the cipher. */
const STANZA = /\n-> X25519 ([A-Za-z0-9+/]{43})\n([A-Za-z0-9+/]{43})(?=\n)/g;

/** The file keys that a native identity opens in a header's text; none for another identity. */
export function* fileKeysIn(header: string, identity: string): Generator<Buffer> {
  const scalar = decodeBech32(identity, 'age-secret-key-');
  if (!scalar) return;
  const privateKey = privateKeyOf(scalar);
  const point = pointOf(privateKey);
  for (const [, share = '', body = ''] of header.matchAll(STANZA)) {
    const fileKey = tryToUnwrap(privateKey, point, bytesOf(share), bytesOf(body));
    if (fileKey) yield fileKey;
  }
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64');

/** The 32 bytes of a key in age's spelling; undefined where it is none. */
function decodeBech32(text: string, prefix: string): Uint8Array | undefined {
  const decoded = bech32.decodeUnsafe(text, false);
  const bytes = decoded && bech32.fromWordsUnsafe(decoded.words);
  return decoded?.prefix === prefix && bytes?.length === POINT_BYTES ? bytes : undefined;
}

function tryToUnwrap(
  privateKey: KeyObject,
  point: Buffer,
  share: Buffer,
  body: Buffer,
): Buffer | undefined {
  try {
    return unwrapFileKey(wrappingKey(x25519(privateKey, share), share, point), body);
  } catch {
    // Another recipient's stanza, or a point of low order.
    return undefined;
  }
}

const wrappingKey = (secret: Buffer, share: Buffer, recipient: Buffer): Buffer =>
  hkdf(secret, Buffer.concat([share, recipient]), LABEL);
