import { createPublicKey } from 'node:crypto';
import { messageOf, reasonOf, TaskfsError } from '../../errors.ts';
import { readStream } from '../../files/index.ts';
import type { Store } from '../../store/index.ts';
import { loadVerifyingKey } from '../../store/index.ts';
import { readChain } from '../chain.ts';
import { type Finding, finding } from '../finding.ts';
import { sha256, signerOf } from '../seal-record.ts';

/** What somebody kept outside of the store, to compare the store with. */
export interface Kept {
  /** SHA-256 of the signing key's public half, see `signerOf`. */
  readonly signer?: string | undefined;
  /** Lines of `seals.jsonl`, as their hashes, with what is known of them in words. */
  readonly lines?: readonly KeptLine[] | undefined;
}

export interface KeptLine {
  readonly hash: string;
  readonly words: string;
}

/**
 * Whether the store is still the one that something was kept of: signed by that key, its chain
 * holding those lines. A chain that was rolled back, or rebuilt with another key, is consistent in
 * itself; only this shows it. Throws `failed` where the verifying key is missing.
 */
export function verifyKept(store: Store, { signer, lines = [] }: Kept): Finding[] {
  const findings: Finding[] = [];
  if (signer !== undefined && signerOf(loadVerifyingKey(store)) !== signer) {
    const message = 'the key that seals of this store are signed with is not the one named';
    findings.push(finding(null, 'not-ours', message, { file: 'signing.pub' }));
  }
  if (lines.length === 0) return findings;
  const known = new Set(readChain(store).map(({ hash }) => hash));
  const missing = lines.filter(({ hash }) => !known.has(hash));
  const [first] = missing;
  if (!first) return findings;
  const message =
    `seals.jsonl lacks ${missing.length} of ${lines.length} lines that were kept elsewhere, ` +
    `the first one ${first.words}: it was rolled back, or rebuilt`;
  return [...findings, finding(null, 'chain-broken', message, { file: 'seals.jsonl' })];
}

const HASH = /^[0-9a-f]{64}$/i;

/** What a person names of a store that was kept: who signs, and the last lines of the chain. */
export function parseKept(signer: string | undefined, last: string | undefined): Kept {
  return {
    signer: signer === undefined ? undefined : parseSigner(signer),
    lines: last === undefined ? undefined : parseKeptLines(last),
  };
}

/**
 * A signer as a person names it: a file with the public key (PEM), or its SHA-256. Throws `usage`.
 */
function parseSigner(text: string): string {
  if (HASH.test(text)) return text.toLowerCase();
  const pem = readNamed('--signer', text);
  try {
    return signerOf(createPublicKey(pem));
  } catch (cause) {
    throw new TaskfsError('usage', `${text} holds no public key: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Lines that were kept: a file with them, as an anchor's, or the SHA-256 of one. Throws `usage`.
 */
function parseKeptLines(text: string): KeptLine[] {
  if (HASH.test(text)) return [{ hash: text.toLowerCase(), words: `with the hash ${text}` }];
  const lines = readNamed('--last', text)
    .split('\n')
    .flatMap((line) => parseLine(line));
  if (lines.length > 0) return lines;
  throw new TaskfsError('usage', `${text} holds no line of seals.jsonl`, {
    hint: "'taskfs anchor' keeps such a file; else copy the last line of seals.jsonl.",
  });
}

/** A line that is incomplete is ignored. */
function parseLine(line: string): KeptLine[] {
  try {
    const { task, at } = JSON.parse(line) as { readonly task?: unknown; readonly at?: unknown };
    return [{ hash: sha256(line), words: `of task ${task}, ${at}` }];
  } catch {
    return [];
  }
}

/** Lines of a hundred thousand seals. */
const MAX_KEPT = 64 * 1024 * 1024;

function readNamed(option: string, path: string): string {
  try {
    return readStream(path, MAX_KEPT).toString('utf8');
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError(
      'usage',
      `'${path}' cannot be the value of ${option}: ${reasonOf(cause)}`,
      { hint: 'Give a file, or the 64 digits that it would come to.', cause },
    );
  }
}
