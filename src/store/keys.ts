import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';
import { ensureIdentity } from './identities.ts';
import { hasKeys, keyPaths } from './key-files.ts';
import { type Lock, takeLockBlocking } from './lock.ts';
import type { Store } from './paths.ts';
import { writeRecipients } from './recipients.ts';
import { createSigningKey } from './signing-key.ts';
import { isTaskName } from './task-name.ts';

/**
 * For whoever is about to make the keys of a store that has none: archives that are there are
 * sealed with others, which new ones do not open, and which would replace the new ones when they
 * are put back from a backup. Throws `failed` where there are some.
 */
export function assertNothingSealed(store: Store): void {
  if (readdirSync(store.archive).some(isTaskName)) throw keysGone(store);
}

/** For whoever is about to change keys. Throws `failed` where there are none. */
export function assertHasKeys(store: Store): void {
  if (!hasKeys(store)) throw keysGone(store);
}

const keysGone = (store: Store): TaskfsError =>
  new TaskfsError('failed', `the keys of the store ${store.path} are gone`, {
    hint:
      "Put its directory 'keys' back from a backup. 'taskfs init' makes new keys, which do not " +
      'open the archives that are there.',
  });

/** How to protect a fresh identity. */
export interface NewKeys {
  /** Encrypts identity.txt with it, as `age -p` does. */
  readonly passphrase?: string | undefined;
  /** Also makes a recovery identity: only where somebody is there to be shown it. */
  readonly withRecovery?: boolean | undefined;
}

/**
 * Makes the owner's identity (0600), the recipients, and the key that signs seals. Returns the
 * recovery identity, if one was asked for: a second way to open every archive, to be shown once;
 * it is stored nowhere. An identity that is there already is kept. The recipients are written
 * last: they say that all is there.
 */
export async function createKeys(
  store: Store,
  { passphrase, withRecovery = false }: NewKeys = {},
): Promise<string | undefined> {
  const age = await import('age-encryption');
  const paths = keyPaths(store);
  assertNoKeys(store);
  const owner = await ensureIdentity(paths.identity, passphrase);
  const recovery = withRecovery ? await age.generateX25519Identity() : undefined;
  if (!existsSync(paths.signing)) createSigningKey(paths.signing, paths.verifying);
  const recipients = [{ label: 'owner', recipient: owner }];
  if (recovery !== undefined) {
    recipients.push({ label: 'recovery', recipient: await age.identityToRecipient(recovery) });
  }
  writeRecipients(store, recipients);
  return recovery;
}

/**
 * Makes the keys of a store that has none, unless another process just did. Returns whether it was
 * done here, and the recovery identity as `createKeys` does.
 */
export async function ensureKeys(
  store: Store,
  keys: NewKeys = {},
): Promise<{ readonly isNew: boolean; readonly recovery: string | undefined }> {
  using _ = lockNewKeys(store);
  if (hasKeys(store)) return { isNew: false, recovery: undefined };
  return { isNew: true, recovery: await createKeys(store, keys) };
}

/**
 * The same for a machine that only seals; whether it was done here. Throws as `createSealingKeys`.
 */
export function ensureSealingKeys(store: Store, recipients: readonly string[]): boolean {
  using _ = lockNewKeys(store);
  if (hasKeys(store)) return false;
  createSealingKeys(store, recipients);
  return true;
}

/** Their directory may have gone with them. */
function lockNewKeys(store: Store): Lock {
  mkdirSync(store.keys, { recursive: true, mode: 0o700 });
  return takeLockBlocking(keyPaths(store).lock);
}

function assertNoKeys(store: Store): void {
  if (!hasKeys(store)) return;
  throw new TaskfsError('usage', `the store ${store.path} has its keys already`);
}

/**
 * The keys of a machine that only seals: recipients whose identities are elsewhere, and the key
 * that signs. No identity is made, and none for recovery. Throws `usage` where there are keys.
 */
export function createSealingKeys(store: Store, given: readonly string[]): void {
  assertNoKeys(store);
  const { signing, verifying } = keyPaths(store);
  if (!existsSync(signing)) createSigningKey(signing, verifying);
  const recipients = [...new Set(given)].map((recipient, index) => ({
    label: `reader ${index + 1}`,
    recipient,
  }));
  writeRecipients(store, recipients);
}
