import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isSshIdentity } from '../age/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { readRegularFile, writeFileAtomic } from '../files/index.ts';
import type { Store } from './store.ts';

/** Where the keys of a store lie. */
export function keyPaths(store: Store) {
  return {
    identity: join(store.keys, 'identity.txt'),
    recipients: join(store.keys, 'recipients.txt'),
    signing: join(store.keys, 'signing.key'),
    verifying: join(store.keys, 'signing.pub'),
    /** flock'd while keys of archives are written anew or moved. */
    lock: join(store.keys, 'lock'),
  };
}

/** Whether a store can seal: it has recipients. A machine that only runs tasks needs no identity. */
export function hasKeys(store: Store): boolean {
  return existsSync(keyPaths(store).recipients);
}

/** How to protect a fresh identity. */
export interface NewKeys {
  /** Encrypts identity.txt with it, as `age -p` does. */
  readonly passphrase?: string | undefined;
  /** Also makes a recovery identity: only where somebody is there to be shown it. */
  readonly withRecovery?: boolean | undefined;
}

/**
 * Makes the owner's identity (0600), the recipients, and the key that signs seals. Returns the
 * recovery identity, if one was asked for: a second way to open every archive, to be shown once; it
 * is stored nowhere. An identity that is there already is kept. The recipients are written last: they
 * say that all is there.
 */
export async function createKeys(
  store: Store,
  { passphrase, withRecovery = false }: NewKeys = {},
): Promise<string | undefined> {
  const age = await import('age-encryption');
  const paths = keyPaths(store);
  if (hasKeys(store))
    throw new TaskfsError('usage', `the store ${store.path} has its keys already`);
  const owner = await ownerRecipient(paths.identity, passphrase);
  const recovery = withRecovery ? await age.generateX25519Identity() : undefined;
  if (!existsSync(paths.signing)) createSigningKey(paths.signing, paths.verifying);
  const second = recovery && `# recovery\n${await age.identityToRecipient(recovery)}\n`;
  writeFileAtomic(paths.recipients, `# owner\n${owner}\n${second ?? ''}`);
  return recovery;
}

async function ownerRecipient(path: string, passphrase: string | undefined): Promise<string> {
  const age = await import('age-encryption');
  if (existsSync(path)) {
    const [known] = await readIdentityFile(path, readOwn(path), () => passphrase);
    if (known !== undefined) return await age.identityToRecipient(known);
  }
  const identity = await age.generateX25519Identity();
  const recipient = await age.identityToRecipient(identity);
  const text = `# created: ${new Date().toISOString()}\n# public key: ${recipient}\n${identity}\n`;
  writeFileAtomic(path, passphrase === undefined ? text : await protect(text, passphrase));
  return recipient;
}

/** Replaces the store's own identities, protected by the passphrase if there is one. */
export async function writeIdentities(
  store: Store,
  identities: readonly string[],
  passphrase: string | undefined,
): Promise<void> {
  const text = `${identities.join('\n')}\n`;
  const data = passphrase === undefined ? text : await protect(text, passphrase);
  writeFileAtomic(keyPaths(store).identity, data);
}

/** Whether the store's own identity file needs a passphrase. */
export function isProtected(store: Store): boolean {
  const { identity } = keyPaths(store);
  return existsSync(identity) && isEncrypted(readOwn(identity));
}

async function protect(text: string, passphrase: string): Promise<Uint8Array> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  return await encrypter.encrypt(text);
}

/** The key pair that seals are signed and checked with. */
export function createSigningKey(privatePath: string, publicPath: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileAtomic(publicPath, publicKey.export({ type: 'spki', format: 'pem' }), 0o644);
  writeFileAtomic(privatePath, privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

/** Asks a person for the passphrase of a file; undefined where nobody can be asked. */
export type AskPassphrase = (path: string) => string | undefined | Promise<string | undefined>;

/** Where identities come from, besides the store. */
export interface IdentitySource {
  /** Another identity file; without it $TASKFS_IDENTITY, else the store's own. */
  readonly file?: string | undefined;
  readonly passphrase?: AskPassphrase | undefined;
}

/**
 * The age identities (`AGE-SECRET-KEY-…`), or the SSH one, that archives can be opened with; none on a machine that
 * only seals. Throws `not-found` for a file that was named and is not there, `wrong-key` where a
 * passphrase is missing or wrong, `damaged`.
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
 * The same at once, where they are age identities in a file that needs no passphrase; undefined where
 * only `loadIdentities` can tell.
 */
export function plainIdentities(store: Store): string[] | undefined {
  const named = process.env.TASKFS_IDENTITY;
  const path = named ?? keyPaths(store).identity;
  if (!existsSync(path)) return undefined;
  const data = named === undefined ? readOwn(path) : readNamed(path);
  return isEncrypted(data) ? undefined : identitiesIn(data.toString('utf8'));
}

/** The identities in the store's own identity.txt; none where there is no such file. Throws `wrong-key`, `damaged`. */
export async function loadOwnIdentities(store: Store, ask?: AskPassphrase): Promise<string[]> {
  const { identity } = keyPaths(store);
  const own = existsSync(identity) ? await readIdentityFile(identity, readOwn(identity), ask) : [];
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
  const lines = parseLines(text);
  const isEach = lines.every((line) => line.startsWith('AGE-SECRET-KEY-'));
  return lines.length > 0 && isEach ? lines : undefined;
}

function notIdentities(path: string): TaskfsError {
  return new TaskfsError('damaged', `${path} is not an age identity file`, {
    hint: "Lines of it are comments or begin with AGE-SECRET-KEY-; 'age-keygen' writes such files.",
  });
}

/** The store's own identity file. */
const readOwn = (path: string): Buffer => readRegularFile(path, MAX_KEYS, 'follow');

/** One that somebody names may be a pipe, as the shell's `<(command)` is. */
function readNamed(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new TaskfsError(
      'failed',
      `the identity file ${path} cannot be read: ${messageOf(cause)}`,
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
      hint: 'It is asked for where standard input is a terminal; --identity names another identity file.',
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
 * The age recipients that every task's key is encrypted to: owner, recovery, and who was added.
 * Throws `failed` where there are none: nothing is sealed to nobody.
 */
export function loadRecipients(store: Store): string[] {
  const { recipients: path } = keyPaths(store);
  const recipients = existsSync(path) ? parseLines(readKeyText(path)) : [];
  if (recipients.length > 0) return recipients;
  throw new TaskfsError('failed', `the store has no recipients to seal for (${path})`, {
    hint: "'taskfs init' makes keys; then 'taskfs recover' seals what waits.",
  });
}

/** Keys are short, and there may be some thousand recipients. */
const MAX_KEYS = 4 * 1024 * 1024;

/** The text of a file of keys; it may be a link to where somebody keeps them. Throws `damaged`, `failed`. */
export const readKeyText = (path: string): string =>
  readRegularFile(path, MAX_KEYS, 'follow').toString('utf8');

function parseLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** The Ed25519 key that seals are signed with. Throws `failed` where it is missing. */
export function loadSigningKey(store: Store): KeyObject {
  return readKey(keyPaths(store).signing, createPrivateKey);
}

/**
 * The key that seals of this store are checked with. Throws `failed` where it is missing, and where
 * somebody else may put another in its place.
 */
export function loadVerifyingKey(store: Store): KeyObject {
  const { verifying } = keyPaths(store);
  const key = readKey(verifying, createPublicKey);
  for (const path of [verifying, dirname(verifying)]) assertOwners(path);
  return key;
}

function assertOwners(path: string): void {
  const { uid, mode } = statSync(path);
  const isOwned = uid === 0 || uid === process.geteuid?.();
  if (isOwned && (mode & 0o022) === 0) return;
  throw new TaskfsError('failed', `${path} may be written by others: no seal can be trusted`, {
    hint: `If the keys in there are yours still: 'chmod go-w ${path}', and make it your own.`,
  });
}

function readKey(path: string, parse: (pem: string) => KeyObject): KeyObject {
  try {
    return parse(readKeyText(path));
  } catch (cause) {
    throw new TaskfsError('failed', `the signing key ${path} is unreadable: ${messageOf(cause)}`, {
      hint: 'Put it back from a backup of the store.',
      cause,
    });
  }
}
