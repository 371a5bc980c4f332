import { join } from 'node:path';
import {
  createStore,
  openStore,
  type Store,
  storeExists,
  storePath,
  takeLockBlocking,
} from '../store/index.ts';
import { createKeys, hasKeys, type NewKeys } from '../store/keys.ts';
import { createSealingKeys } from '../store/sealing-keys.ts';
import type { CommonOptions } from './command.ts';
import { say } from './output.ts';

/** Opens the store that the options and the environment name. Throws `not-found` where there is none. */
export function openStoreOf({ store }: CommonOptions): Store {
  return openStore(storePath(store));
}

/** Opens the store, and makes it with its keys where there is none: for the verbs that people begin with. */
export async function openOrMakeStore(options: CommonOptions): Promise<Store> {
  const path = storePath(options.store);
  const store = storeExists(path) ? openStore(path) : createStore(path);
  if (hasKeys(store)) return store;
  const recovery = await makeKeys(store);
  if (recovery !== undefined) tellRecovery(store, recovery);
  return store;
}

/**
 * Makes the keys of a store, unless another process just did. Returns the recovery identity, to be
 * shown once and stored nowhere; undefined where the keys were there.
 */
export async function makeKeys(store: Store, protection?: NewKeys): Promise<string | undefined> {
  using _ = takeLockBlocking(join(store.keys, 'lock'));
  return hasKeys(store) ? undefined : await createKeys(store, protection);
}

/** The same for a machine that only seals; whether it was done here. */
export function makeSealingKeys(store: Store, recipients: readonly string[]): boolean {
  using _ = takeLockBlocking(join(store.keys, 'lock'));
  if (hasKeys(store)) return false;
  createSealingKeys(store, recipients);
  return true;
}

/** Says that a store was made, and shows its recovery identity. */
export function tellRecovery(store: Store, recovery: string): void {
  say(`A new store and its keys are in ${store.path}.`);
  showRecovery(recovery);
}

/** Shows a recovery identity, the only time ever, on the side that no program reads. */
export function showRecovery(recovery: string): void {
  say('This recovery identity opens every archive, should the key be lost. It is shown once and');
  say('stored nowhere: keep it off this machine.');
  say(`\n  ${recovery}\n`);
}
