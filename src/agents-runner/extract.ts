import { createHash } from 'node:crypto';
import { closeSync, constants, futimesSync, openSync, readdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { messageOf, TaskfsError } from '../errors.ts';
import { type FernetKey, openToken } from '../fernet/index.ts';
import { readRegularFile, readRegularText, writeFully } from '../files/index.ts';
import { setXattr } from '../sys/index.ts';

/** Whose artifacts they are: the key follows from it. */
export interface Origin {
  readonly task: string;
  /** Both of the names that were in use where it is not known. */
  readonly environments: readonly string[];
}

/**
 * The origin of a directory, given by its absolute path, whose task is named by the directory where
 * it is not by `task`.
 */
export const originOf = (
  directory: string,
  { task = basename(directory), environment }: OriginOptions,
): Origin => ({ task, environments: environment === undefined ? ['default', ''] : [environment] });

/** What may be known of it. */
export interface OriginOptions {
  /** The task's id there. */
  readonly task?: string | undefined;
  readonly environment?: string | undefined;
}

/** What became of the files of a directory. */
export interface Extracted {
  /** The names of files that were written, and their bytes. */
  readonly written: readonly { readonly name: string; readonly bytes: number }[];
  /** What could not be read, and why. */
  readonly failed: readonly { readonly file: string; readonly why: string }[];
}

/** What a `.meta` file says of its artifact. */
interface Meta {
  readonly name: string;
  readonly mimeType: string | undefined;
  readonly time: Date | undefined;
  readonly size: number | undefined;
}

/** A token is a third longer than what it holds, and both are in memory. */
const MAX_TOKEN = 2 ** 31 - 1;
const MAX_META = 1024 * 1024;

/**
 * Decrypts all artifacts of a directory into another one: under their own names, two of the same
 * name with a number, with their times, and their MIME types as `user.mime_type`. Each is compared
 * with the size that its `.meta` names. One that cannot be read does not stop the others. Throws
 * what the directories' calls throw.
 */
export function extractArtifacts(from: string, to: string, origin: Origin): Extracted {
  const keys = origin.environments.map((environment) => keyOf(origin.task, environment));
  const files = readdirSync(from)
    .filter((name) => extname(name) === '.enc')
    .sort();
  const written: { name: string; bytes: number }[] = [];
  const failed: { file: string; why: string }[] = [];
  const taken = new Set<string>();
  for (const file of files) {
    try {
      const token = readRegularFile(join(from, file), MAX_TOKEN);
      const content = openWithAny(token, keys);
      const meta = readMeta(from, file);
      if (meta.size !== undefined && meta.size !== content.length) {
        const message = `it has ${content.length} bytes, not ${meta.size} as its .meta says`;
        throw new TaskfsError('damaged', message);
      }
      const name = freeName(meta.name, taken);
      write(join(to, name), content, meta);
      written.push({ name, bytes: content.length });
    } catch (error) {
      failed.push({ file, why: messageOf(error) });
    }
  }
  return { written, failed };
}

function keyOf(task: string, environment: string): FernetKey {
  return createHash('sha256').update(`${task}\0${environment}`).digest();
}

function openWithAny(token: Buffer, keys: readonly FernetKey[]): Buffer {
  for (const [place, key] of keys.entries()) {
    try {
      return openToken(token, key);
    } catch (error) {
      const isWrong = error instanceof TaskfsError && error.kind === 'wrong-key';
      if (!isWrong || place === keys.length - 1) throw error;
    }
  }
  throw new TaskfsError('usage', 'no environment was named');
}

/** Without a `.meta` that can be read, the file keeps the name that it is stored under. */
function readMeta(directory: string, file: string): Meta {
  const uuid = basename(file, '.enc');
  const fields = parseMeta(join(directory, `${uuid}.meta`));
  const { original_filename: name, mime_type, encrypted_at, size_bytes } = fields;
  const time = typeof encrypted_at === 'string' ? new Date(encrypted_at) : undefined;
  return {
    name: typeof name === 'string' && isName(name) ? name : uuid,
    mimeType: typeof mime_type === 'string' ? mime_type : undefined,
    time: time && !Number.isNaN(time.getTime()) ? time : undefined,
    size: typeof size_bytes === 'number' ? size_bytes : undefined,
  };
}

function parseMeta(path: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(readRegularText(path, MAX_META)));
  } catch {
    return {};
  }
}

/** A name from a file that anybody may have written is one name, never a path. */
const isName = (name: string): boolean =>
  name !== '' &&
  name !== '.' &&
  name !== '..' &&
  !/[/\0]/.test(name) &&
  Buffer.byteLength(name) < 200;

function freeName(name: string, taken: Set<string>): string {
  const ending = extname(name);
  const stem = basename(name, ending);
  let free = name;
  for (let number = 2; taken.has(free); number++) free = `${stem}-${number}${ending}`;
  taken.add(free);
  return free;
}

function write(path: string, content: Buffer, { mimeType, time }: Meta): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeFully(fd, content, 0);
    if (mimeType !== undefined) trySetMimeType(fd, mimeType);
    if (time) futimesSync(fd, time, time);
  } finally {
    closeSync(fd);
  }
}

/** Not every file system takes attributes; the name says the type as well, in most cases. */
function trySetMimeType(fd: number, mimeType: string): void {
  try {
    setXattr(fd, Buffer.from('user.mime_type'), Buffer.from(mimeType));
  } catch {
    // See above.
  }
}
