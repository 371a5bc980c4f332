import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf, TaskfsError } from '../errors.ts';
import { writeFileAtomic } from '../files/index.ts';
import { keyPaths, readKeyText } from './key-files.ts';
import type { Store } from './paths.ts';

/** Makes the Ed25519 key pair that seals are signed and checked with. */
export function createSigningKey(privatePath: string, publicPath: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileAtomic(publicPath, publicKey.export({ type: 'spki', format: 'pem' }), 0o644);
  writeFileAtomic(privatePath, privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

/** The Ed25519 key that seals are signed with. Throws `failed` where it is missing. */
export function loadSigningKey(store: Store): KeyObject {
  return readKey(keyPaths(store).signing, createPrivateKey);
}

/**
 * The key that seals of this store are checked with. Throws `failed` where it is missing, and
 * where somebody else may put another in its place.
 */
export function loadVerifyingKey(store: Store): KeyObject {
  const { verifying } = keyPaths(store);
  const key = readKey(verifying, createPublicKey);
  for (const path of [verifying, dirname(verifying)]) assertOwners(path);
  return key;
}

function assertOwners(path: string): void {
  const { uid, mode } = statSync(path);
  const isOwned = uid === 0 || uid === process.geteuid?.();
  if (isOwned && (mode & 0o022) === 0) return;
  throw new TaskfsError('failed', `${path} may be written by others: no seal can be trusted`, {
    hint: `If the keys in there are yours still: 'chmod go-w ${path}', and make it your own.`,
  });
}

function readKey(path: string, parse: (pem: string) => KeyObject): KeyObject {
  try {
    return parse(readKeyText(path));
  } catch (cause) {
    if (cause instanceof TaskfsError && cause.kind === 'failed') throw cause;
    throw new TaskfsError('failed', `the signing key ${path} is unreadable: ${reasonOf(cause)}`, {
      hint: 'Put it back from a backup of the store.',
      cause,
    });
  }
}
