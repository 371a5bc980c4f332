import { existsSync } from 'node:fs';
import { isSshIdentity } from '../age/index.ts';
import { reasonOf, TaskfsError } from '../errors.ts';
import { readStream } from '../files/index.ts';
import { isoNow } from '../sys/index.ts';
import { keyPaths, linesOf, MAX_KEYS, readKeyFile, replaceKeyFile } from './key-files.ts';
import type { Store } from './paths.ts';

/** Asks a person for the passphrase of a file; undefined where nobody can be asked. */
export type AskPassphrase = (path: string) => string | undefined | Promise<string | undefined>;

/** Where identities come from, besides the store. */
export interface IdentitySource {
  /** Another identity file; without it $TASKFS_IDENTITY, else the store's own. */
  readonly file?: string | undefined;
  readonly passphrase?: AskPassphrase | undefined;
}

/**
 * The age identities (`AGE-SECRET-KEY-…`), or the SSH one, that archives can be opened with; none
 * on a machine that only seals. Throws `not-found` for a file that was named and is not there,
 * `wrong-key` where a passphrase is missing or wrong, `damaged`.
 */
export async function loadIdentities(store: Store, source: IdentitySource = {}): Promise<string[]> {
  const named = source.file ?? process.env.TASKFS_IDENTITY;
  if (named === undefined) return await loadOwnIdentities(store, source.passphrase);
  if (existsSync(named)) return await readIdentityFile(named, readNamed(named), source.passphrase);
  throw new TaskfsError('not-found', `there is no identity file ${named}`, {
    hint: 'Name another with --identity or TASKFS_IDENTITY.',
  });
}

/**
 * The same synchronously, of a file of age identities that needs no passphrase; undefined where
 * `loadIdentities` has to be asked.
 */
export function plainIdentities(store: Store): string[] | undefined {
  const named = process.env.TASKFS_IDENTITY;
  const path = named ?? keyPaths(store).identity;
  if (!existsSync(path)) return undefined;
  const data = named === undefined ? readKeyFile(path) : readNamed(path);
  return isEncrypted(data) ? undefined : identitiesIn(data.toString('utf8'));
}

/**
 * The identities in the store's own identity.txt; none where there is no such file. Throws
 * `wrong-key`, `damaged`.
 */
export async function loadOwnIdentities(store: Store, ask?: AskPassphrase): Promise<string[]> {
  const { identity } = keyPaths(store);
  const own = existsSync(identity)
    ? await readIdentityFile(identity, readKeyFile(identity), ask)
    : [];
  if (own.some(isSshIdentity)) throw notIdentities(identity);
  return own;
}

async function readIdentityFile(
  path: string,
  data: Buffer,
  ask?: AskPassphrase,
): Promise<string[]> {
  const text = isEncrypted(data) ? await unprotect(path, data, ask) : data.toString('utf8');
  if (isSshIdentity(text)) return [text];
  const identities = identitiesIn(text);
  if (identities) return identities;
  throw notIdentities(path);
}

/** The age identities of a file; undefined where it is no file of them. */
function identitiesIn(text: string): string[] | undefined {
  const lines = linesOf(text);
  const isEach = lines.every((line) => line.startsWith('AGE-SECRET-KEY-'));
  return lines.length > 0 && isEach ? lines : undefined;
}

function notIdentities(path: string): TaskfsError {
  return new TaskfsError('damaged', `${path} is not an age identity file`, {
    hint: "Lines of it are comments or begin with AGE-SECRET-KEY-; 'age-keygen' writes such files.",
  });
}

/** A file that is named by the user may be a pipe, as the shell's `<(command)` is. */
function readNamed(path: string): Buffer {
  try {
    return readStream(path, MAX_KEYS);
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError(
      'failed',
      `the identity file ${path} cannot be read: ${reasonOf(cause)}`,
      {
        cause,
      },
    );
  }
}

const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----';
const MAGIC = 'age-encryption.org/v1\n';
const beginsWith = (data: Buffer, text: string): boolean =>
  data.subarray(0, text.length).toString('latin1') === text;
const isEncrypted = (data: Buffer): boolean => beginsWith(data, MAGIC) || beginsWith(data, ARMOR);

async function unprotect(path: string, data: Buffer, ask?: AskPassphrase): Promise<string> {
  const passphrase = await ask?.(path);
  if (passphrase === undefined) {
    throw new TaskfsError('wrong-key', `${path} is protected by a passphrase, and none was given`, {
      hint:
        'It is asked for where standard input is a terminal; --identity names another ' +
        'identity file.',
    });
  }
  const { armor, Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    const file = beginsWith(data, ARMOR) ? armor.decode(data.toString('latin1')) : data;
    return await decrypter.decrypt(file, 'text');
  } catch (cause) {
    throw new TaskfsError('wrong-key', `the passphrase does not open ${path}`, { cause });
  }
}

/**
 * The recipient of the identity in a file, which is made where there is none, protected by the
 * passphrase if there is one.
 */
export async function ensureIdentity(
  path: string,
  passphrase: string | undefined,
): Promise<string> {
  const age = await import('age-encryption');
  if (existsSync(path)) {
    const [known] = await readIdentityFile(path, readKeyFile(path), () => passphrase);
    if (known !== undefined) return await age.identityToRecipient(known);
  }
  const identity = await age.generateX25519Identity();
  const recipient = await age.identityToRecipient(identity);
  const text = `# created: ${isoNow()}\n# public key: ${recipient}\n${identity}\n`;
  await writeIdentityFile(path, text, passphrase);
  return recipient;
}

/** Replaces the store's own identities, protected by the passphrase if there is one. */
export async function writeIdentities(
  store: Store,
  identities: readonly string[],
  passphrase: string | undefined,
): Promise<void> {
  await writeIdentityFile(keyPaths(store).identity, `${identities.join('\n')}\n`, passphrase);
}

async function writeIdentityFile(
  path: string,
  text: string,
  passphrase: string | undefined,
): Promise<void> {
  replaceKeyFile(path, passphrase === undefined ? text : await protect(text, passphrase));
}

/** Whether the store's own identity file needs a passphrase. */
export function isProtected(store: Store): boolean {
  const { identity } = keyPaths(store);
  return existsSync(identity) && isEncrypted(readKeyFile(identity));
}

async function protect(text: string, passphrase: string): Promise<Uint8Array> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  return await encrypter.encrypt(text);
}
