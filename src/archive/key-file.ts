import { basename, join } from 'node:path';
import {
  decryptNatively,
  decryptWhole,
  encryptFor,
  isSshIdentity,
  sshIdentity,
} from '../age/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { readRequiredFile } from '../files/index.ts';
import type { TaskName } from '../store/index.ts';
import { KEY_FILE } from './paths.ts';

/** The content of key.age: an identity file, encrypted, so that `age -i` takes it as it is. */
export async function wrapTaskKey(
  task: TaskName,
  identity: string,
  recipients: readonly string[],
): Promise<Uint8Array> {
  return await encryptFor(recipients, Buffer.from(`# taskfs task ${task}\n${identity}\n`));
}

type Decrypter = InstanceType<typeof import('age-encryption').Decrypter>;

/** The task's own identity out of key.age. Throws `wrong-key`, `damaged`. */
export async function openTaskKey(
  archiveDirectory: string,
  identities: readonly string[],
): Promise<string> {
  const path = join(archiveDirectory, KEY_FILE);
  const task = basename(archiveDirectory);
  if (identities.length === 0) {
    throw new TaskfsError('wrong-key', `there is no identity to open the archive of ${task} with`, {
      hint: 'Name an identity file with --identity or TASKFS_IDENTITY.',
    });
  }
  return identityIn(await openKeyFile(readKeyFile(path), identities, path, task), task, path);
}

/**
 * The same at once, where a native identity opens it; undefined where that is for the age package
 * to do, or to refuse. Throws `damaged`.
 */
export function openTaskKeyNatively(
  archiveDirectory: string,
  identities: readonly string[],
): string | undefined {
  const path = join(archiveDirectory, KEY_FILE);
  const text = openNatively(readKeyFile(path), identities);
  return text === undefined ? undefined : identityIn(text, basename(archiveDirectory), path);
}

/** The task's identity in the text of its key.age. Throws `damaged`. */
function identityIn(text: string, task: string, path: string): string {
  assertOf(task, text, path);
  const identity = text.split('\n').find((line) => line.startsWith('AGE-SECRET-KEY-'));
  if (identity) return identity;
  throw new TaskfsError('damaged', `${path} holds no age identity`);
}

/** It says whose key it is: an archive that was put in another's place is not read as that one. */
function assertOf(task: string, text: string, path: string): void {
  const [, owner = task] = /^# taskfs task (\S+)$/m.exec(text) ?? [];
  if (owner === task) return;
  throw new TaskfsError('damaged', `${path} is another task's: it holds the key of ${owner}`, {
    hint: "'taskfs verify' says which archives are not in their place.",
  });
}

function addIdentity(decrypter: Decrypter, identity: string): void {
  try {
    decrypter.addIdentity(isSshIdentity(identity) ? sshIdentity(identity) : identity);
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('wrong-key', `an identity is malformed: ${messageOf(cause)}`, { cause });
  }
}

/** It holds one identity, and a stanza for each recipient: post-quantum ones are 2 KiB. */
const MAX_KEY_FILE = 1024 * 1024;

const readKeyFile = (path: string): Buffer => readRequiredFile(path, MAX_KEY_FILE);

async function openKeyFile(
  file: Buffer,
  identities: readonly string[],
  path: string,
  task: string,
): Promise<string> {
  const text = openNatively(file, identities);
  if (text !== undefined) return text;
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  for (const identity of identities) addIdentity(decrypter, identity);
  try {
    return (await decryptWhole(decrypter, file)).toString();
  } catch (cause) {
    if (messageOf(cause).startsWith('no identity matched')) {
      throw new TaskfsError('wrong-key', `no identity opens the archive of ${task}`, {
        hint: 'It was sealed for other keys: name one of those with --identity or TASKFS_IDENTITY.',
        cause,
      });
    }
    throw new TaskfsError('damaged', `${path} is damaged: ${messageOf(cause)}`, { cause });
  }
}

function openNatively(file: Buffer, identities: readonly string[]): string | undefined {
  for (const identity of identities) {
    const text = decryptNatively(file, identity);
    if (text) return text.toString();
  }
  return undefined;
}
