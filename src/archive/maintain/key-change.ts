import { existsSync } from 'node:fs';
import { TaskfsError } from '../../errors.ts';
import { removeTemporaries } from '../../files/index.ts';
import type { Store } from '../../store/index.ts';
import {
  assertHasKeys,
  keyPaths,
  type LabelledRecipient,
  listLeaving,
  listRecipients,
  listTaskRecipients,
  parseRecipient,
  type TaskName,
  takeLock,
  takeLockBlocking,
  taskPaths,
  writeIdentities,
  writeRecipients,
  writeTaskRecipients,
} from '../../store/index.ts';
import { chainPath } from '../paths.ts';
import { assertAllOpen, type OnRewrapped, type Rewrapped, rewrapArchives } from './rewrap.ts';

/** What opens the archives that get new keys. */
export interface KeyChange {
  readonly identities: readonly string[];
  readonly onProgress?: OnRewrapped | undefined;
}

/** Adds somebody who can open every archive, those sealed already too. Throws `usage`. */
export async function addRecipient(
  store: Store,
  text: string,
  asked: string,
  change: KeyChange,
): Promise<Rewrapped> {
  const added = await parseLabelled(text, asked);
  using _ = lockKeys(store);
  return await rewrapFor(store, withAdded(listRecipients(store), added), change);
}

/**
 * Adds somebody who can open the archive of one task, and no other. Throws `usage`, also where the
 * task has no archive.
 */
export async function addTaskRecipient(
  store: Store,
  task: TaskName,
  text: string,
  asked: string,
  change: KeyChange,
): Promise<Rewrapped> {
  const added = await parseLabelled(text, asked);
  assertHasKey(store, task);
  using _ = lockKeys(store);
  return await rewrapTask(store, task, withAdded(listTaskRecipients(store, task), added), change);
}

/** Checks what came from outside. Throws `usage`. */
async function parseLabelled(text: string, asked: string): Promise<LabelledRecipient> {
  const label = asked.replace(/\s+/g, ' ');
  if (label === OWNER || label === RECOVERY) {
    throw new TaskfsError('usage', `the label '${label}' is kept for a key of taskfs's own`, {
      hint: 'Give another with --label.',
    });
  }
  return { label, recipient: await parseRecipient(text) };
}

const withAdded = (
  known: readonly LabelledRecipient[],
  added: LabelledRecipient,
): LabelledRecipient[] => [
  ...known.filter(({ recipient }) => recipient !== added.recipient),
  added,
];

function assertHasKey(store: Store, task: TaskName): void {
  if (existsSync(taskPaths(store, task).archive)) return;
  throw new TaskfsError('usage', `task ${task} has no archive: it has no key yet`, {
    hint: `'taskfs wait ${task}' waits until it is sealed.`,
  });
}

/**
 * Removes a recipient, named by itself or by its label; or completes that, where it was cut short.
 * What it could read until now it may have copied: see docs/security.md. Throws `not-found`,
 * `usage` for the last one.
 */
export async function removeRecipient(
  store: Store,
  name: string,
  change: KeyChange,
): Promise<Rewrapped> {
  using _ = lockKeys(store);
  const left = without(listRecipients(store), listLeaving(store), name, 'taskfs key show');
  if (left.length === 0) throw new TaskfsError('usage', 'the last recipient cannot be removed');
  return await rewrapFor(store, left, change);
}

/** The same for one that was added to the archive of one task. Throws `not-found`. */
export async function removeTaskRecipient(
  store: Store,
  task: TaskName,
  name: string,
  change: KeyChange,
): Promise<Rewrapped> {
  assertHasKey(store, task);
  using _ = lockKeys(store);
  const own = listTaskRecipients(store, task);
  const list = `taskfs key show --task ${task}`;
  const left = without(own, listLeaving(store, task), name, list);
  return await rewrapTask(store, task, left, change);
}

/** Throws `not-found` where none has this name; `list` is the command that lists them. */
function without(
  known: readonly LabelledRecipient[],
  leaving: readonly LabelledRecipient[],
  name: string,
  list: string,
): LabelledRecipient[] {
  const isNamed = ({ label, recipient }: LabelledRecipient) => label === name || recipient === name;
  const left = known.filter((each) => !isNamed(each));
  if (left.length < known.length || leaving.some(isNamed)) return left;
  throw new TaskfsError('not-found', `no recipient is named '${name}'`, {
    hint: `'${list}' lists them.`,
  });
}

export interface Rotation extends KeyChange {
  /** Those in the store's identity.txt: they stay there until no archive needs them. */
  readonly own: readonly string[];
  /** Protects the new identity file. */
  readonly passphrase?: string | undefined;
}

/**
 * Gives the owner a new identity and takes the old one from every archive. The old identity stays
 * in identity.txt until all archives are done; an interrupted rotation is continued, without
 * making another identity. Throws `usage` where the store has no owner, `wrong-key` where an
 * archive cannot be opened: nothing was changed then.
 */
export async function rotateOwner(store: Store, rotation: Rotation): Promise<Rewrapped> {
  const { own, passphrase, onProgress } = rotation;
  const age = await import('age-encryption');
  using _ = lockKeys(store);
  const continued = await interruptedRotation(store, own);
  await assertAllOpen(store, [...own, ...rotation.identities]);
  const fresh = continued ?? (await age.generateX25519Identity());
  const all = [...new Set([fresh, ...own])];
  const recipients = withLabel(store, OWNER, await age.identityToRecipient(fresh));
  await assertUsable(recipients);
  await writeIdentities(store, all, passphrase);
  const identities = [...all, ...rotation.identities];
  const result = await rewrapFor(store, recipients, { identities, onProgress });
  if (result.failed.length === 0) await writeIdentities(store, [fresh], passphrase);
  return result;
}

/**
 * The new identity of a rotation that was interrupted, or left archives out: the first of several,
 * which is the owner's.
 */
async function interruptedRotation(
  store: Store,
  own: readonly string[],
): Promise<string | undefined> {
  const owner = listRecipients(store).find(({ label }) => label === OWNER);
  if (!owner) {
    throw new TaskfsError('usage', 'this store was made without an identity of its own', {
      hint:
        "Make a new one where the old one is ('age-keygen'); here 'taskfs key add' and " +
        "'key remove'.",
    });
  }
  const [first, second] = own;
  if (first === undefined || second === undefined) return undefined;
  const { identityToRecipient } = await import('age-encryption');
  return (await identityToRecipient(first)) === owner.recipient ? first : undefined;
}

export interface RecoveryChange extends KeyChange {
  /** Shows the new identity. Nothing keeps it: what this throws is thrown, and nothing changed. */
  readonly show: (recovery: string) => void | Promise<void>;
}

/**
 * Makes a new recovery identity in place of the one before, and shows it before any archive needs
 * it. Throws `wrong-key` where an archive cannot be opened: nothing was changed then.
 */
export async function replaceRecovery(
  store: Store,
  { show, ...change }: RecoveryChange,
): Promise<Rewrapped> {
  const age = await import('age-encryption');
  using _ = lockKeys(store);
  await assertAllOpen(store, change.identities);
  const recovery = await age.generateX25519Identity();
  await show(recovery);
  const recipients = withLabel(store, RECOVERY, await age.identityToRecipient(recovery));
  return await rewrapFor(store, recipients, change);
}

const OWNER = 'owner';
const RECOVERY = 'recovery';

function withLabel(store: Store, label: string, recipient: string): LabelledRecipient[] {
  const others = listRecipients(store).filter((other) => other.label !== label);
  return [{ label, recipient }, ...others];
}

/** One at a time: two at once would each undo a part of the other. */
function lockKeys(store: Store): Disposable {
  assertHasKeys(store);
  const { identity, recipients, lock: path } = keyPaths(store);
  const lock = takeLock(path);
  if (!lock) {
    throw new TaskfsError('failed', 'another process changes the keys of this store just now', {
      hint: 'Wait for it, then try again.',
    });
  }
  for (const replaced of [identity, recipients]) removeTemporaries(replaced);
  return lock;
}

/**
 * The recipients change between two commits of archives (seal.ts): whatever is committed before is
 * found here, whatever is committed after has the new recipients. Those that are not among them any
 * more stay known as leaving until no archive is left that was sealed for them.
 */
async function rewrapFor(
  store: Store,
  recipients: readonly LabelledRecipient[],
  { identities, onProgress }: KeyChange,
): Promise<Rewrapped> {
  await assertUsable(recipients);
  const leaving = leavingFor(recipients, listRecipients(store), listLeaving(store));
  {
    using _ = takeLockBlocking(chainPath(store));
    writeRecipients(store, recipients, leaving);
  }
  const result = await rewrapArchives(store, identities, onProgress);
  if (result.failed.length === 0 && leaving.length > 0) writeRecipients(store, recipients);
  return result;
}

/** Where a line of the list was spoilt by hand, nothing could be encrypted. Throws `usage`. */
async function assertUsable(recipients: readonly LabelledRecipient[]): Promise<void> {
  for (const { recipient } of recipients) await parseRecipient(recipient);
}

/** As rewrapFor, for one archive. */
async function rewrapTask(
  store: Store,
  task: TaskName,
  recipients: readonly LabelledRecipient[],
  { identities, onProgress }: KeyChange,
): Promise<Rewrapped> {
  const leaving = leavingFor(recipients, listTaskRecipients(store, task), listLeaving(store, task));
  writeTaskRecipients(store, task, recipients, leaving);
  const result = await rewrapArchives(store, identities, onProgress, [task]);
  if (result.failed.length === 0 && leaving.length > 0)
    writeTaskRecipients(store, task, recipients);
  return result;
}

function leavingFor(
  recipients: readonly LabelledRecipient[],
  before: readonly LabelledRecipient[],
  leaving: readonly LabelledRecipient[],
): LabelledRecipient[] {
  const staying = new Set(recipients.map(({ recipient }) => recipient));
  const all = new Map([...leaving, ...before].map((each) => [each.recipient, each]));
  return [...all.values()].filter(({ recipient }) => !staying.has(recipient));
}
