import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { runBounded } from '../bounded-command.ts';
import { TaskfsError } from '../errors.ts';
import { isDirectoryAt, writeFully } from '../files/index.ts';
import type { Store } from './paths.ts';
import { changeSetting, readSetting } from './store.ts';
import { absolutePath } from './user-path.ts';

/**
 * Where each new seal is reported to outside of the store: a file that the line is appended to, or
 * a shell command that reads it. With such a line a store that was rolled back, or signed by
 * another key, is recognised; nothing in the store allows that. A member of store.json.
 */
export type Anchor = { readonly file: string } | { readonly command: string };

/** The store's anchor; undefined where it has none. Throws `damaged`. */
export function readAnchor(store: Store): Anchor | undefined {
  const { file, command } = (readSetting(store, 'anchor') ?? {}) as Record<string, unknown>;
  if (typeof file === 'string') return { file };
  return typeof command === 'string' ? { command } : undefined;
}

/**
 * Sets the store's anchor, or removes it. Throws `usage` for a file in the store, for one that no
 * line can be appended to, and for an empty command.
 */
export function writeAnchor(store: Store, anchor: Anchor | undefined): void {
  const isFile = anchor !== undefined && 'file' in anchor;
  if (anchor !== undefined && !isFile && anchor.command.trim() === '') {
    throw new TaskfsError('usage', 'an empty command keeps no seal', {
      hint: "Give one that reads a line; 'taskfs anchor --off' takes the anchor away.",
    });
  }
  const value = isFile ? { file: appendable(store, anchor.file) } : anchor;
  changeSetting(store, 'anchor', () => value);
}

function appendable(store: Store, file: string): string {
  const path = absolutePath(file);
  const directory = dirname(path);
  if (!isDirectoryAt(directory)) {
    throw new TaskfsError('usage', `there is no directory ${directory} for the anchor's file`, {
      hint: `'mkdir -p ${directory}' makes it; a disk that belongs there must be mounted.`,
    });
  }
  const known = statSync(path, { throwIfNoEntry: false });
  if (known && !known.isFile()) {
    throw new TaskfsError('usage', `${path} is not a file that lines can be appended to`, {
      hint: 'Name a file, or a program with --command.',
    });
  }
  if (!join(realpathSync(directory), '/').startsWith(join(realpathSync(store.path), '/')))
    return path;
  throw new TaskfsError(
    'usage',
    `${path} lies in the store: it would be changed together with it`,
    {
      hint: 'Name a file on another disk or machine, or at least of another user.',
    },
  );
}

/** Reports a line to an anchor. Throws what a file's calls throw, or how the command ended. */
export async function handToAnchor(anchor: Anchor, line: string): Promise<void> {
  if ('file' in anchor) appendLine(anchor.file, line);
  else {
    const { command } = anchor;
    const { env } = process;
    await runBounded({ command, cwd: '/', env, input: `${line}\n`, patienceMs: PATIENCE_MS });
  }
}

const { O_WRONLY, O_CREAT, O_APPEND, O_NONBLOCK } = constants;

function appendLine(path: string, line: string): void {
  const fd = openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0o600);
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`${path} is not a file`);
    writeFully(fd, Buffer.from(`${line}\n`));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** How long a command may take, in milliseconds: a supervisor does not end before. */
const PATIENCE_MS = 30_000;
