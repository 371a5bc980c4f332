import { hash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** What a run loaded, for the next one. */
export interface CompiledCode {
  /** By the name of the file that it belongs to; a build gives new content a new name. */
  readonly code: ReadonlyMap<string, Buffer>;
  /** Where koffi's native part is. */
  readonly koffi: string | undefined;
}

/** A line in front of the code: which parts it has, and the checksum of all of them. */
interface Header {
  /** The program that made it: another installation has another koffi. */
  readonly program: string;
  readonly sum: string;
  readonly parts: readonly (readonly [name: string, bytes: number])[];
  readonly koffi?: string | undefined;
}

const NONE: CompiledCode = { code: new Map(), koffi: undefined };
const NEWLINE = 0x0a;

/**
 * Reads code that a program compiled. It will be executed as it is, so it must be the caller's own and
 * whole; what is not counts as not there. That it fits its source and this Node is V8's to check.
 */
export function readCodeCache(path: string, program: string): CompiledCode {
  try {
    const bytes = readOwn(path);
    const end = bytes.indexOf(NEWLINE);
    const header = JSON.parse(bytes.toString('utf8', 0, end)) as Header;
    const { sum, parts, koffi } = header;
    const code = bytes.subarray(end + 1);
    if (header.program !== program || checksum(code) !== sum) return NONE;
    return { code: split(code, parts), koffi };
  } catch {
    return NONE;
  }
}

function split(code: Buffer, parts: Header['parts']): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  let at = 0;
  for (const [name, bytes] of parts) {
    files.set(name, code.subarray(at, at + bytes));
    at += bytes;
  }
  return files;
}

const checksum = (code: Uint8Array): string => hash('sha256', code, 'hex');

const WRITABLE_BY_OTHERS = 0o022;

/** Throws where the file is another user's, or others may write it: code of theirs would run as this user. */
function readOwn(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { uid, mode } = fstatSync(fd);
    if (uid !== process.geteuid?.() || mode & WRITABLE_BY_OTHERS) throw new Error('not ours');
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Keeps compiled code for the next run. Where that cannot be, the next one compiles again. */
export function writeCodeCache(path: string, program: string, made: CompiledCode): void {
  const { code, koffi } = made;
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const all = Buffer.concat([...code.values()]);
    const parts = [...code].map(([name, { length }]) => [name, length] as const);
    const header: Header = { program, sum: checksum(all), parts, koffi };
    writeFileSync(draft, `${JSON.stringify(header)}\n`, { mode: 0o600, flag: 'wx' });
    writeFileSync(draft, all, { flag: 'a' });
    renameSync(draft, path);
  } catch {
    remove(draft);
  }
}

function remove(draft: string): void {
  try {
    rmSync(draft, { force: true });
  } catch {
    // It was never there, for its directory is none.
  }
}
