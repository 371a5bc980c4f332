import { spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, fsyncSync, openSync, writeSync } from 'node:fs';
import type { Store } from './paths.ts';
import { readSetting, writeSetting } from './store.ts';

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

/** Sets the store's anchor, or removes it. */
export function writeAnchor(store: Store, anchor: Anchor | undefined): void {
  writeSetting(store, 'anchor', anchor);
}

/** Reports a line to an anchor. Throws what a file's calls throw, or how the command ended. */
export async function handToAnchor(anchor: Anchor, line: string): Promise<void> {
  if ('file' in anchor) appendLine(anchor.file, line);
  else await feedCommand(anchor.command, line);
}

const { O_WRONLY, O_CREAT, O_APPEND, O_NONBLOCK } = constants;

function appendLine(path: string, line: string): void {
  const fd = openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0o600);
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`${path} is not a file`);
    writeSync(fd, `${line}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** How long a command may take, in milliseconds: a supervisor does not end before. */
const PATIENCE_MS = 30_000;
/** So many characters of its standard error are passed on. */
const MAX_STDERR = 300;

function feedCommand(command: string, line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let stderr = '';
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      // The group: with all that it started.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, PATIENCE_MS);
    child.stderr.on('data', (data) => {
      stderr = (stderr + data).slice(0, MAX_STDERR);
    });
    child.stdin.on('error', () => {}).end(`${line}\n`);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      child.stderr.destroy();
      if (code === 0) return resolve();
      const how = isLate
        ? `took longer than ${PATIENCE_MS / 1000} s`
        : `ended with ${signal ?? code}`;
      reject(new Error([`its command ${how}`, stderr.trim()].filter(Boolean).join(': ')));
    });
  });
}
