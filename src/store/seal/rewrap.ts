import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { TaskfsError } from '../errors.ts';
import { loadRecipients, writeIdentities } from '../keys.ts';
import { listRecipients, parseRecipient, writeRecipients } from '../recipients.ts';
import { type Store, taskPaths } from '../store.ts';
import { isTaskName, type TaskName } from '../task-name.ts';
import { wrapTaskKey } from './key-file.ts';
import { KEY_FILE } from './layout.ts';
import { openTaskKey } from './unlock.ts';

/** What became of the archives' keys. */
export interface Rewrapped {
  readonly rewrapped: number;
  /** Archives that the identities at hand do not open: they stay as they were. */
  readonly failed: readonly { readonly task: TaskName; readonly message: string }[];
}

export type OnRewrapped = (progress: { readonly done: number; readonly total: number }) => void;

/**
 * Encrypts every archive's key anew, to the store's recipients of now. Only key.age is written, each
 * replaced as a whole; cut short, it can simply be done again.
 */
export async function rewrapArchives(
  store: Store,
  identities: readonly string[],
  onProgress?: OnRewrapped,
): Promise<Rewrapped> {
  const recipients = loadRecipients(store);
  const tasks = readdirSync(store.archive).filter(isTaskName).sort();
  const failed: { task: TaskName; message: string }[] = [];
  let done = 0;
  for (const task of tasks) {
    try {
      await rewrap(taskPaths(store, task).archive, task, identities, recipients);
    } catch (error) {
      if (!(error instanceof TaskfsError)) throw error;
      failed.push({ task, message: error.message });
    }
    done++;
    onProgress?.({ done, total: tasks.length });
  }
  return { rewrapped: done - failed.length, failed };
}

async function rewrap(
  archive: string,
  task: TaskName,
  identities: readonly string[],
  recipients: readonly string[],
): Promise<void> {
  const identity = await openTaskKey(archive, identities);
  writeFileAtomic(join(archive, KEY_FILE), await wrapTaskKey(task, identity, recipients));
}

/** Adds somebody who can open every archive, those sealed already too. Throws `usage`. */
export async function addRecipient(
  store: Store,
  text: string,
  label: string,
  identities: readonly string[],
  onProgress?: OnRewrapped,
): Promise<Rewrapped> {
  const recipient = await parseRecipient(text);
  const known = listRecipients(store).filter((other) => other.recipient !== recipient);
  writeRecipients(store, [...known, { label: label.replace(/\s+/g, ' '), recipient }]);
  return await rewrapArchives(store, identities, onProgress);
}

/**
 * Removes a recipient, named by itself or by its label. What it could read until now it may have
 * copied: see docs/security.md. Throws `not-found`, `usage` for the last one.
 */
export async function removeRecipient(
  store: Store,
  name: string,
  identities: readonly string[],
  onProgress?: OnRewrapped,
): Promise<Rewrapped> {
  const known = listRecipients(store);
  const left = known.filter(({ label, recipient }) => label !== name && recipient !== name);
  if (left.length === known.length) {
    throw new TaskfsError('not-found', `no recipient is named '${name}'`, {
      hint: "'taskfs key show' lists them.",
    });
  }
  if (left.length === 0) throw new TaskfsError('usage', 'the last recipient cannot be removed');
  writeRecipients(store, left);
  return await rewrapArchives(store, identities, onProgress);
}

export interface RotateOptions {
  /** Protects the new identity file. */
  readonly passphrase?: string | undefined;
  readonly onProgress?: OnRewrapped | undefined;
}

/**
 * Gives the owner a new identity and takes the old one from every archive. The old identity stays in
 * identity.txt until all archives are done, so that it can be cut short at any point and done again.
 */
export async function rotateOwner(
  store: Store,
  identities: readonly string[],
  { passphrase, onProgress }: RotateOptions = {},
): Promise<Rewrapped> {
  const age = await import('age-encryption');
  const fresh = await age.generateX25519Identity();
  await writeIdentities(store, [fresh, ...identities], passphrase);
  replaceLabelled(store, 'owner', await age.identityToRecipient(fresh));
  const result = await rewrapArchives(store, identities, onProgress);
  if (result.failed.length === 0) await writeIdentities(store, [fresh], passphrase);
  return result;
}

/** Makes a new recovery identity, to be shown once, in place of the one before. */
export async function replaceRecovery(
  store: Store,
  identities: readonly string[],
  onProgress?: OnRewrapped,
): Promise<Rewrapped & { readonly recovery: string }> {
  const age = await import('age-encryption');
  const recovery = await age.generateX25519Identity();
  replaceLabelled(store, 'recovery', await age.identityToRecipient(recovery));
  return { ...(await rewrapArchives(store, identities, onProgress)), recovery };
}

function replaceLabelled(store: Store, label: string, recipient: string): void {
  const others = listRecipients(store).filter((other) => other.label !== label);
  writeRecipients(store, [{ label, recipient }, ...others]);
}
