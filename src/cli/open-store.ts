import {
  assertNothingSealed,
  createStore,
  ensureKeys,
  hasKeys,
  openStore,
  type Store,
  storeExists,
  storePath,
} from '../store/index.ts';
import type { CommonOptions } from './command.ts';
import { flushWords, say } from './output.ts';

/**
 * Opens the store that the options and the environment name. Throws `not-found` where there is
 * none.
 */
export function openStoreOf({ store }: CommonOptions): Store {
  return openStore(storePath(store));
}

/**
 * Opens the store, and makes it with its keys where there is none: for the verbs that people begin
 * with. Throws `failed` where its keys are gone.
 */
export async function openOrMakeStore(options: CommonOptions): Promise<Store> {
  const path = storePath(options.store);
  const store = storeExists(path) ? openStore(path) : createStore(path);
  if (!hasKeys(store)) {
    assertNothingSealed(store);
    await makeKeys(store);
  }
  return store;
}

/**
 * Makes the keys of a store, unless another process just did, and says so; whether it was done
 * here. A recovery identity is made only where its words go to a terminal: what scripts and
 * services say ends up in logs, and it opens every archive.
 */
export async function makeKeys(store: Store, passphrase?: string): Promise<boolean> {
  const withRecovery = process.stderr.isTTY;
  const { isNew, recovery } = await ensureKeys(store, { passphrase, withRecovery });
  if (!isNew) return false;
  const without =
    "They have no recovery identity yet: 'taskfs key recovery' creates one and shows it, once.";
  say(
    `A new store and its keys are in ${store.path}.`,
    ...(recovery === undefined ? [without] : []),
  );
  if (recovery !== undefined) await showRecovery(recovery);
  return true;
}

/**
 * Shows a recovery identity, the only time ever, on the side that no program reads. Throws `failed`
 * where that takes nothing.
 */
export async function showRecovery(recovery: string): Promise<void> {
  say(
    'This recovery identity opens every archive, should the key be lost. It is shown once and',
    'stored nowhere: keep it off this machine.',
    ...['', `  ${recovery}`, ''],
  );
  await flushWords();
}
