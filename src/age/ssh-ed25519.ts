import { createHash, randomBytes } from 'node:crypto';
import type { Identity, Recipient, Stanza } from 'age-encryption';
import { TaskfsError } from '../errors.ts';
import {
  hkdf,
  POINT_BYTES,
  pointOf,
  privateKeyOf,
  unpaddedBase64,
  unwrapFileKey,
  wrapFileKey,
  x25519,
} from './key-wrapping.ts';

/**
 * SSH keys as the age program takes them (its package agessh), which the age package does not
 * know: of the type ssh-ed25519, as a recipient (a line of authorized_keys) and as an identity
 * (OpenSSH's own format, without a passphrase).
 */

const TYPE = 'ssh-ed25519';
const LABEL = 'age-encryption.org/v1/ssh-ed25519';

export const isSshRecipient = (text: string): boolean => text.startsWith('ssh-');

const BEGIN = '-----BEGIN OPENSSH PRIVATE KEY-----';
export const isSshIdentity = (text: string): boolean => text.startsWith(BEGIN);

/** A recipient without the comment behind it. Throws `usage` for what is no ssh-ed25519 key. */
export function parseSshRecipient(text: string): string {
  const [type, encoded = ''] = text.split(/\s+/);
  const [inner, point] = strings(Buffer.from(encoded, 'base64'));
  if (type === TYPE && inner?.toString() === TYPE && point?.length === POINT_BYTES) {
    return `${TYPE} ${encoded}`;
  }
  throw new TaskfsError('usage', `'${text}' is not an SSH key that can be sealed for`, {
    hint: 'Of SSH keys only those of the type ssh-ed25519 are known.',
  });
}

/** Gives the file key to the holder of an SSH key. */
export function sshRecipient(
  text: string,
  NewStanza: new (args: string[], body: Uint8Array) => Stanza,
): Recipient {
  const wire = Buffer.from(text.split(' ')[1] ?? '', 'base64');
  const theirs = montgomery(strings(wire)[1] ?? Buffer.alloc(0));
  return {
    wrapFileKey(fileKey) {
      const own = privateKeyOf(randomBytes(32));
      const share = pointOf(own);
      const key = wrappingKey(x25519(own, theirs), wire, Buffer.concat([share, theirs]));
      return [new NewStanza([TYPE, tagOf(wire), unpaddedBase64(share)], wrapFileKey(key, fileKey))];
    },
  };
}

/**
 * Decrypts what was encrypted to an SSH key. Throws `wrong-key` where it needs a passphrase or is
 * of another type.
 */
export function sshIdentity(pem: string): Identity {
  const { wire, seed } = parsePrivateKey(pem);
  const own = privateKeyOf(createHash('sha512').update(seed).digest().subarray(0, 32));
  const ownPoint = pointOf(own);
  const tag = tagOf(wire);
  return {
    unwrapFileKey(stanzas) {
      for (const { args, body } of stanzas) {
        const [type, name, share = ''] = args;
        if (type !== TYPE || name !== tag) continue;
        const theirs = Buffer.from(share, 'base64');
        const key = wrappingKey(x25519(own, theirs), wire, Buffer.concat([theirs, ownPoint]));
        return unwrapFileKey(key, body);
      }
      return null;
    },
  };
}

/** The secret of both, bound to the SSH key itself by a second multiplication. */
function wrappingKey(secret: Buffer, wire: Buffer, salt: Buffer): Buffer {
  const tweak = privateKeyOf(hkdf(Buffer.alloc(0), wire, LABEL));
  return hkdf(x25519(tweak, secret), salt, LABEL);
}

/** Names a key in a stanza: the beginning of the SHA-256 of the public key. */
const tagOf = (wire: Buffer): string =>
  unpaddedBase64(createHash('sha256').update(wire).digest().subarray(0, 4));

/** The length-prefixed strings that SSH's formats consist of (RFC 4251), all whole ones. */
function strings(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    found.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return found;
}

const MAGIC = 'openssh-key-v1\0';

/**
 * The public key as SSH sends it, and the 32 bytes that the private one is derived from
 * (PROTOCOL.key of OpenSSH).
 */
function parsePrivateKey(pem: string): { readonly wire: Buffer; readonly seed: Buffer } {
  const bytes = Buffer.from(pem.replace(/-----[^-]*-----/g, ''), 'base64');
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) throw unusable('is malformed');
  const [cipher, , options] = strings(bytes.subarray(MAGIC.length));
  if (cipher?.toString() !== 'none') throw unusable('is protected by a passphrase');
  // Cipher and derivation are both 'none'; then the number of keys, 1.
  const after = MAGIC.length + 2 * (4 + 'none'.length) + 4 + (options?.length ?? 0) + 4;
  const [wire, secret] = strings(bytes.subarray(after));
  // Two equal numbers come first, by which a right passphrase is known.
  const [type, , pair] = strings(secret?.subarray(8) ?? Buffer.alloc(0));
  if (!wire || type?.toString() !== TYPE || pair?.length !== 64) {
    throw unusable('is not of the type ssh-ed25519');
  }
  return { wire, seed: pair.subarray(0, 32) };
}

function unusable(why: string): TaskfsError {
  return new TaskfsError('wrong-key', `the SSH identity ${why}`, {
    hint: "A copy without a passphrase ('ssh-keygen -p') or an age identity can be used.",
  });
}

const P = 2n ** 255n - 19n;

/** The X25519 form of an Ed25519 point: u = (1 + y) / (1 - y), RFC 7748. */
function montgomery(point: Buffer): Buffer {
  const y = BigInt(`0x${Buffer.from(point).reverse().toString('hex')}`) & (2n ** 255n - 1n);
  const u = ((1n + y) * power(P + 1n - y, P - 2n)) % P;
  return Buffer.from(u.toString(16).padStart(64, '0'), 'hex').reverse();
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let [square, left] = [base % P, exponent]; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
