import type { Rewrapped } from '../archive/maintain/index.ts';
import { TaskfsError } from '../errors.ts';
import { viewTask } from '../runner/index.ts';
import {
  isProtected,
  type LabelledRecipient,
  listRecipients,
  listTaskRecipients,
  parseTaskName,
  type TaskName,
} from '../store/index.ts';
import type { Store } from './store.ts';

/** Whose recipients are listed or changed. */
export interface KeyOptions {
  /** Only for the archive of this task; by default for all, those sealed already too. */
  readonly task?: string;
}

/** Who can open the archives; of a task, also who can open its archive alone. */
export function listKeys(store: Store, { task: name }: KeyOptions = {}): LabelledRecipient[] {
  const task = taskOf(store, name);
  const own = task === undefined ? [] : listTaskRecipients(store.paths, task);
  return [...listRecipients(store.paths), ...own];
}

/** Lets an age recipient, or an SSH key, open archives too. Throws TaskfsError `usage`. */
export async function addKey(
  store: Store,
  recipient: string,
  { task: name, label = 'added' }: KeyOptions & { readonly label?: string } = {},
): Promise<Rewrapped> {
  const { addRecipient, addTaskRecipient } = await import('../archive/maintain/index.ts');
  const task = taskOf(store, name);
  const change = { identities: await store.identities() };
  return task === undefined
    ? addRecipient(store.paths, recipient, label, change)
    : addTaskRecipient(store.paths, task, recipient, label, change);
}

/**
 * Takes a recipient, or the one of a label, out again; it may have copied what it could read.
 * Throws TaskfsError `not-found`, `usage` for the last one.
 */
export async function removeKey(
  store: Store,
  recipient: string,
  { task: name }: KeyOptions = {},
): Promise<Rewrapped> {
  const { removeRecipient, removeTaskRecipient } = await import('../archive/maintain/index.ts');
  const task = taskOf(store, name);
  const change = { identities: await store.identities() };
  return task === undefined
    ? removeRecipient(store.paths, recipient, change)
    : removeTaskRecipient(store.paths, task, recipient, change);
}

/**
 * A new identity for the owner of the store; if it is interrupted, the same call completes it.
 * `passphrase` protects it, null leaves it unprotected, as it is by default unless the old one has
 * one. Throws TaskfsError `usage` where it has, and nothing is given, `wrong-key` where an archive
 * cannot be opened: nothing was changed then.
 */
export async function rotateKey(
  store: Store,
  { passphrase }: { readonly passphrase?: string | null } = {},
): Promise<Rewrapped> {
  const { rotateOwner } = await import('../archive/maintain/index.ts');
  if (passphrase === undefined && isProtected(store.paths)) {
    throw new TaskfsError('usage', 'the identity of this store has a passphrase', {
      hint: 'Give the one of the new identity, or null for none.',
    });
  }
  const own = await store.ownIdentities();
  const identities = await store.otherIdentities();
  return rotateOwner(store.paths, { own, identities, passphrase: passphrase ?? undefined });
}

/**
 * A recovery identity in the place of the one before; it is stored nowhere. `show` is given it
 * before anything changes, so that it is known also where the rest is interrupted. Throws
 * TaskfsError `wrong-key` where an archive cannot be opened.
 */
export async function replaceRecovery(
  store: Store,
  { show }: { readonly show?: (recovery: string) => void | Promise<void> } = {},
): Promise<Rewrapped & { readonly recovery: string }> {
  const { replaceRecovery: replace } = await import('../archive/maintain/index.ts');
  let recovery = '';
  const rewrapped = await replace(store.paths, {
    identities: await store.identities(),
    show: async (made) => {
      recovery = made;
      await show?.(made);
    },
  });
  return { ...rewrapped, recovery };
}

function taskOf({ paths }: Store, name: string | undefined): TaskName | undefined {
  return name === undefined ? undefined : viewTask(paths, parseTaskName(name)).task;
}
