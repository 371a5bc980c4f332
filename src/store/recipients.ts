import { existsSync } from 'node:fs';
import { isSshRecipient, parseSshRecipient } from '../age/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { writeFileAtomic } from '../files/index.ts';
import { keyPaths, readKeyText } from './keys.ts';
import type { Store } from './store.ts';

/** Whom every task is sealed for; labels are the comment lines above them in recipients.txt. */
export interface LabelledRecipient {
  /** `owner`, `recovery`, or what was given with `key add`. */
  readonly label: string;
  /** An age recipient: `age1…`, or `ssh-ed25519 AAAA…`. */
  readonly recipient: string;
}

export function listRecipients(store: Store): LabelledRecipient[] {
  const { recipients: path } = keyPaths(store);
  const found: LabelledRecipient[] = [];
  let label = '';
  for (const line of existsSync(path) ? readKeyText(path).split('\n') : []) {
    const text = line.trim();
    if (text.startsWith('#')) label = text.slice(1).trim();
    else if (text !== '') {
      found.push({ label, recipient: text });
      label = '';
    }
  }
  return found;
}

/** Replaces recipients.txt as a whole. */
export function writeRecipients(store: Store, recipients: readonly LabelledRecipient[]): void {
  const text = recipients.map(({ label, recipient }) => `# ${label}\n${recipient}\n`).join('');
  writeFileAtomic(keyPaths(store).recipients, text);
}

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
      hint: "Recipients begin with age1 or ssh-ed25519; 'age-keygen -y' prints that of an identity file.",
      cause,
    });
  }
}
