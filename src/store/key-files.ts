import { existsSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { unlessMissing } from '../errno.ts';
import { reasonOf, TaskfsError } from '../errors.ts';
import { readRegularFile, writeFileAtomic } from '../files/index.ts';
import type { Store } from './paths.ts';

/** Where the keys of a store lie. */
export function keyPaths(store: Store) {
  return {
    identity: join(store.keys, 'identity.txt'),
    recipients: join(store.keys, 'recipients.txt'),
    signing: join(store.keys, 'signing.key'),
    verifying: join(store.keys, 'signing.pub'),
    /** flock'd while keys of archives are rewritten or moved. */
    lock: join(store.keys, 'lock'),
  };
}

/**
 * Whether a store can seal: it has recipients. A machine that only runs tasks has no identity.
 * Throws `failed` where that cannot be seen: keys that are out of reach are not gone.
 */
export function hasKeys(store: Store): boolean {
  try {
    return unlessMissing(() => statSync(keyPaths(store).recipients)) !== undefined;
  } catch (cause) {
    const message = `the keys in ${store.keys} cannot be read: ${reasonOf(cause)}`;
    throw new TaskfsError('failed', message, {
      hint: "Check owner and mode with 'ls -ld'.",
      cause,
    });
  }
}

/** Keys are short, and there may be some thousand recipients. */
export const MAX_KEYS = 4 * 1024 * 1024;

/** A file of keys, which may be a link to where they are kept. Throws `damaged`, `failed`. */
export const readKeyFile = (path: string): Buffer => readRegularFile(path, MAX_KEYS, 'follow');

/** The same as text. */
export const readKeyText = (path: string): string => readKeyFile(path).toString('utf8');

/** Replaces a file of keys as a whole, where it is kept: a link to it stays. */
export function replaceKeyFile(path: string, data: string | Uint8Array): void {
  writeFileAtomic(existsSync(path) ? realpathSync(path) : path, data);
}

/** The lines of a text of keys, without blank ones and comments. */
export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
