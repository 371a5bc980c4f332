import { existsSync } from 'node:fs';
import { isSshRecipient, parseSshRecipient } from '../age/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { writeFileAtomic } from '../files/index.ts';
import { keyPaths, linesOf, readKeyText, replaceKeyFile } from './key-files.ts';
import { type Store, taskPaths } from './paths.ts';
import type { TaskName } from './task-name.ts';

/** Somebody that every task is sealed for; the label is the comment above in recipients.txt. */
export interface LabelledRecipient {
  /** `owner`, `recovery`, or what was given with `key add`. */
  readonly label: string;
  /** An age recipient: `age1…`, or `ssh-ed25519 AAAA…`. */
  readonly recipient: string;
}

/** The recipients in recipients.txt, in its order; none where there is no such file. */
export const listRecipients = (store: Store): LabelledRecipient[] =>
  recipientsIn(keyPaths(store).recipients);

/** The further ones of a task's archive alone. */
export const listTaskRecipients = (store: Store, task: TaskName): LabelledRecipient[] =>
  recipientsIn(taskPaths(store, task).recipients);

/**
 * Those that were taken out, of all archives or of one task's, while the keys of some archives may
 * still be encrypted to them: the change was interrupted, or could not open these archives.
 */
export const listLeaving = (store: Store, task?: TaskName): LabelledRecipient[] =>
  linesIn(task === undefined ? keyPaths(store).recipients : taskPaths(store, task).recipients)
    .filter(isLeaving)
    .map((line) => {
      const [, label = '', recipient = ''] = line.split('\t');
      return { label, recipient };
    });

/** A comment for all other programs; no label begins like this. */
const LEAVING = '#-\t';
const isLeaving = (line: string): boolean => line.startsWith(LEAVING);

const linesIn = (path: string): string[] =>
  existsSync(path)
    ? readKeyText(path)
        .split('\n')
        .map((line) => line.trim())
    : [];

function recipientsIn(path: string): LabelledRecipient[] {
  const found: LabelledRecipient[] = [];
  let label = '';
  for (const line of linesIn(path)) {
    if (isLeaving(line) || line === '') continue;
    if (line.startsWith('#')) label = line.slice(1).trim();
    else {
      found.push({ label, recipient: line });
      label = '';
    }
  }
  return found;
}

/**
 * The age recipients that every task's key is encrypted to: the owner, recovery, and whoever was
 * added. Throws `failed` where there are none: what nobody can open is not sealed.
 */
export function loadRecipients(store: Store): string[] {
  const { recipients: path } = keyPaths(store);
  const recipients = existsSync(path) ? linesOf(readKeyText(path)) : [];
  if (recipients.length > 0) return recipients;
  throw new TaskfsError('failed', `the store has no recipients to seal for (${path})`, {
    hint: "'taskfs init' makes keys; then 'taskfs recover' seals what waits.",
  });
}

/** Those that the key of a task's archive is encrypted to: those of every one, and its own. */
export function recipientsOf(
  store: Store,
  task: TaskName,
  ofAll: readonly string[] = loadRecipients(store),
): string[] {
  const own = listTaskRecipients(store, task).map(({ recipient }) => recipient);
  return [...new Set([...ofAll, ...own])];
}

/** Replaces recipients.txt as a whole; `leaving`: see `listLeaving`. */
export const writeRecipients = (
  store: Store,
  recipients: readonly LabelledRecipient[],
  leaving: readonly LabelledRecipient[] = [],
): void => replaceKeyFile(keyPaths(store).recipients, textOf(recipients, leaving));

/** The same for those of a task's archive alone. */
export const writeTaskRecipients = (
  store: Store,
  task: TaskName,
  recipients: readonly LabelledRecipient[],
  leaving: readonly LabelledRecipient[] = [],
): void => writeFileAtomic(taskPaths(store, task).recipients, textOf(recipients, leaving));

const textOf = (
  recipients: readonly LabelledRecipient[],
  leaving: readonly LabelledRecipient[],
): string =>
  [
    ...recipients.map(({ label, recipient }) => `# ${label}\n${recipient}\n`),
    ...leaving.map(({ label, recipient }) => `${LEAVING}${label}\t${recipient}\n`),
  ].join('');

/** Checks a recipient that came from outside. Throws `usage` for what cannot be encrypted to. */
export async function parseRecipient(text: string): Promise<string> {
  const recipient = text.trim();
  if (isSshRecipient(recipient)) return parseSshRecipient(recipient);
  const { Encrypter } = await import('age-encryption');
  try {
    new Encrypter().addRecipient(recipient);
    return recipient;
  } catch (cause) {
    throw new TaskfsError('usage', `'${recipient}' is not an age recipient: ${messageOf(cause)}`, {
      hint:
        "Recipients begin with age1 or ssh-ed25519; 'age-keygen -y' prints that of an " +
        'identity file.',
      cause,
    });
  }
}
