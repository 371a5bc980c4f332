import type { KeyObject } from 'node:crypto';
import { fstatSync, fsyncSync, ftruncateSync } from 'node:fs';
import { readFully, readOptionalText, writeFully } from '../files/index.ts';
import {
  type Anchor,
  loadVerifyingKey,
  readAnchor,
  type Store,
  type TaskName,
  takeLockBlocking,
} from '../store/index.ts';
import { chainPath } from './paths.ts';
import { sha256, signed, signerOf } from './seal-record.ts';

/**
 * The chain of seals, `seals.jsonl`: one signed line for each archive that was sealed or removed,
 * each holding the hash of the one before. So an archive that is gone, swapped or put back from an
 * older time is found.
 */
export interface ChainBody {
  readonly type: 'sealed' | 'removed';
  readonly task: TaskName;
  /** sha256 of seal.json; null for a removal. */
  readonly seal: string | null;
  readonly at: string;
  /** sha256 of the line before, without its newline; null for the first. */
  readonly previous: string | null;
}

export interface ChainLine extends ChainBody {
  readonly signature: string;
}

const MAX_LINE = 4096;

/**
 * Appends one line, durably. `make` gets the hash of the line before and returns what the new one
 * says; where it returns undefined, nothing is appended, and false returned. `then` does what the
 * line announces, before anybody else may append. One process at a time: the file itself is the
 * lock. A line that a crash left incomplete is dropped; what it announced was never committed. So
 * is one that cannot be written durably: that throws Node's error.
 */
export function appendToChain(
  store: Store,
  key: KeyObject,
  make: (previous: string | null) => Omit<ChainBody, 'previous'> | undefined,
  then: () => void = () => {},
): boolean {
  using lock = takeLockBlocking(chainPath(store));
  const { fd } = lock;
  const end = truncateTornLine(fd);
  const previous = lastLineHash(fd, end);
  const made = make(previous);
  if (!made) return false;
  const { type, task, seal, at } = made;
  const line = Buffer.from(`${JSON.stringify(signed({ type, task, seal, at, previous }, key))}\n`);
  writeDurably(fd, line, end);
  then();
  return true;
}

function writeDurably(fd: number, line: Uint8Array, end: number): void {
  try {
    writeFully(fd, line, end);
    fsyncSync(fd);
  } catch (error) {
    dropFrom(fd, end);
    throw error;
  }
}

/** Where even that fails, the line stays: as after a crash, it announces what was not done. */
function dropFrom(fd: number, end: number): void {
  try {
    ftruncateSync(fd, end);
  } catch {}
}

function tail(fd: number, end: number): Buffer {
  const start = Math.max(0, end - MAX_LINE);
  const bytes = Buffer.alloc(end - start);
  return bytes.subarray(0, readFully(fd, bytes, start));
}

function truncateTornLine(fd: number): number {
  const { size } = fstatSync(fd);
  const bytes = tail(fd, size);
  const end = size - bytes.length + bytes.lastIndexOf('\n') + 1;
  if (end !== size) ftruncateSync(fd, end);
  return end;
}

function lastLineHash(fd: number, end: number): string | null {
  if (end === 0) return null;
  const text = tail(fd, end - 1);
  return sha256(text.subarray(text.lastIndexOf('\n') + 1));
}

/** A line as it stands in the file; `value` is undefined where it is malformed. */
export interface StoredLine {
  readonly hash: string;
  readonly value: ChainLine | undefined;
}

/** All whole lines in order; none where nothing was sealed yet. */
export function readChain(store: Store): StoredLine[] {
  return readOptionalText(chainPath(store), MAX_CHAIN)
    .split('\n')
    .slice(0, -1)
    .map((text) => ({ hash: sha256(text), value: parse(text) }));
}

/** The last line about a task; undefined where there is none. Its signature is not checked. */
export function lastLineOf(store: Store, task: TaskName): ChainLine | undefined {
  const line = lastLineTextOf(store, task);
  return line === undefined ? undefined : parse(line);
}

/** The same as it stands in the file, without its newline. */
export function lastLineTextOf(store: Store, task: TaskName): string | undefined {
  const text = readOptionalText(chainPath(store), MAX_CHAIN);
  const member = `"task":"${task}"`;
  for (let at = text.lastIndexOf(member); at >= 0; at = text.lastIndexOf(member, at - 1)) {
    const start = text.lastIndexOf('\n', at) + 1;
    const line = text.slice(start, text.indexOf('\n', at));
    if (parse(line)?.task === task) return line;
    if (at === 0) return undefined;
  }
  return undefined;
}

/** More than a million seals; a longer one would be no text for Node. */
const MAX_CHAIN = 500 * 1024 * 1024;

function parse(text: string): ChainLine | undefined {
  try {
    const value = JSON.parse(text) as Partial<ChainLine> | null;
    const known = value?.type === 'sealed' || value?.type === 'removed';
    const isLine = known && typeof value.task === 'string' && typeof value.signature === 'string';
    return isLine ? (value as ChainLine) : undefined;
  } catch {
    return undefined;
  }
}

/** What to keep elsewhere of a store, and where its new seals go. */
export interface AnchorState {
  readonly anchor: Anchor | null;
  /** The hash of the key that signs. */
  readonly signer: string;
  /** The hash of the last seal; null: nothing was sealed yet. */
  readonly last: string | null;
}

/** Throws `damaged`. */
export function anchorState(store: Store): AnchorState {
  return {
    anchor: readAnchor(store) ?? null,
    signer: signerOf(loadVerifyingKey(store)),
    last: readChain(store).at(-1)?.hash ?? null,
  };
}
