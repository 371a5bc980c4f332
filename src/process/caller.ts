import { readFileSync, readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { inheritance, isMoved, MOVED_PREFIX } from './inheritance.ts';
import { decodeBytes } from './surrogate-escape.ts';

/**
 * What this process was started with, without loss: Node decodes arguments, variables and the
 * working directory as UTF-8, and replaces what is none. All text here is that of `decodeBytes`.
 */

const REPLACEMENT = '\ufffd';

/** Arguments as they were typed: the last ones of the command line, as many as Node reports. */
export function rawArguments(decoded: readonly string[]): string[] {
  if (!decoded.some((text) => text.includes(REPLACEMENT))) return [...decoded];
  return readList('/proc/self/cmdline').slice(-decoded.length).map(decodeBytes);
}

/** A variable as the process was started with it. */
interface Entry {
  readonly bytes: Buffer;
  /** As Node decodes them; no value: an entry without `=`. */
  readonly name: string;
  readonly value: string | undefined;
}

/**
 * The caller's environment as `NAME=value`: as it was when this process started, with what
 * `process.env` has changed, added or taken out since.
 */
export function rawEnvironment(current: NodeJS.ProcessEnv = process.env): string[] {
  const started = readList('/proc/self/environ').map(splitEntry);
  const kept = started.filter((entry) => isKept(entry, current));
  const names = new Set(kept.map(({ name }) => name));
  const odd = splitList(inheritance.oddVariables)
    .map(splitEntry)
    .filter(({ name }) => !names.has(name));
  const moved = started
    .filter(({ name }) => isMoved(name))
    .map(({ bytes }) => bytes.subarray(MOVED_PREFIX.length));
  const changed = Object.entries(current).filter(
    ([name, value]) => value !== undefined && !names.has(name) && !name.includes(REPLACEMENT),
  );
  return [
    ...[...kept, ...odd].map(({ bytes }) => decodeBytes(bytes)),
    ...moved.map(decodeBytes),
    ...changed.map(([name, value]) => `${name}=${value}`),
  ];
}

// Node can neither find nor change a variable whose name is not UTF-8, or that has no value.
const isKept = ({ bytes, name, value }: Entry, current: NodeJS.ProcessEnv): boolean =>
  value === undefined || name.includes(REPLACEMENT) ? bytes.length > 0 : current[name] === value;

function splitEntry(bytes: Buffer): Entry {
  const text = bytes.toString();
  const at = text.indexOf('=', 1);
  return at === -1
    ? { bytes, name: text, value: undefined }
    : { bytes, name: text.slice(0, at), value: text.slice(at + 1) };
}

/** One variable; undefined where it is not set. */
export function rawVariable(name: string): string | undefined {
  const value = process.env[name];
  if (!value?.includes(REPLACEMENT)) return value;
  const entry = rawEnvironment().findLast((text) => text.startsWith(`${name}=`));
  return entry?.slice(name.length + 1);
}

/** The working directory. Throws ENOENT where it was removed. */
export function workingDirectory(): string {
  const decoded = process.cwd();
  if (!decoded.includes(REPLACEMENT)) return decoded;
  return decodeBytes(readlinkSync('/proc/self/cwd', { encoding: 'buffer' }));
}

/** An absolute path. Throws ENOENT where it is relative to a removed working directory. */
export const absolutePath = (path: string): string =>
  path.startsWith('/') ? resolve(path) : resolve(workingDirectory(), path);

/** The strings of a file of /proc; none where it cannot be read. */
const readList = (path: string): Buffer[] => splitList(readIfAllowed(path));

/** Takes NUL-terminated strings apart. */
function splitList(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const found = bytes.indexOf(0, at);
    const end = found === -1 ? bytes.length : found;
    parts.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return parts;
}

function readIfAllowed(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    // No /proc, or one that hides even our own entry: what Node decoded is all there is.
    return Buffer.alloc(0);
  }
}
