import { existsSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';
import { createSigningKey, hasKeys, keyPaths } from './keys.ts';
import { writeRecipients } from './recipients.ts';
import type { Store } from './store.ts';

/**
 * The keys of a machine that only seals: recipients whose identities are elsewhere, and the key that
 * signs. No identity is made, and none for recovery. Throws `usage` where there are keys.
 */
export function createSealingKeys(store: Store, given: readonly string[]): void {
  if (hasKeys(store))
    throw new TaskfsError('usage', `the store ${store.path} has its keys already`);
  const { signing, verifying } = keyPaths(store);
  if (!existsSync(signing)) createSigningKey(signing, verifying);
  const recipients = [...new Set(given)].map((recipient, index) => ({
    label: `reader ${index + 1}`,
    recipient,
  }));
  writeRecipients(store, recipients);
}
