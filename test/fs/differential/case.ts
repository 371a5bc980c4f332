import { chmodSync, closeSync, mkdirSync, symlinkSync } from 'node:fs';
import { AT, chownAt, openAt, unlinkAt } from '../../../src/sys/index.ts';
import type { Subject } from './subject.ts';

/**
 * What acts in an empty directory of its own, the working directory, and tells the subject what it
 * saw.
 */
export type Case = (subject: Subject) => void;
export type Cases = Readonly<Record<string, Case>>;

/** chown(2)'s way to leave an id as it is. */
export const KEEP = 0xffffffff;
export const octal = (mode: number): string => mode.toString(8);
export const lchown = (path: string, uid: number, gid: number): void =>
  chownAt(AT.FDCWD, path, uid, gid);
export const unlink = (path: string): void => unlinkAt(AT.FDCWD, path);

/** Opens with exactly these flags, acts, closes. */
export function withOpen<T>(
  path: string,
  flags: number,
  action: (fd: number) => T,
  mode = 0o644,
): T {
  const fd = openAt(AT.FDCWD, path, flags, mode);
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
}

const LONG_NAME = 'n'.repeat(256);
const LONG_PATH = `${'./'.repeat(2048)}f`;
const LONGEST_PATH = `${'./'.repeat(2046)}fff`;

/** Paths that lead nowhere, or in an unusual way to something that is there. */
export const STRANGE_PATHS: readonly string[] = [
  '',
  '.',
  // Never the root: an action such as chmod would change the machine.
  '..',
  'missing',
  'missing/',
  'missing/x',
  'file',
  'file/',
  'file/.',
  'file/x',
  'full',
  'full/',
  'full/.',
  'full/..',
  'full/./file',
  'full/../file',
  'dangling',
  'dangling/',
  'dangling/x',
  'loop',
  'loop/x',
  'to-file',
  'to-file/',
  'to-full',
  'to-full/',
  'to-full/file',
  LONG_NAME,
  `full/${LONG_NAME}`,
  LONG_NAME.slice(1),
  LONG_PATH,
  LONGEST_PATH,
];

export const short = (path: string): string =>
  path.length > 40 ? `${path.slice(0, 10)}…(${path.length})` : `'${path}'`;

/**
 * Tries an action on each strange path, each time in a fresh tree, and tells what is there
 * afterwards.
 */
export function tryStrangePaths(s: Subject, action: (path: string) => unknown): void {
  for (const [at, path] of STRANGE_PATHS.entries()) {
    const tree = `strange-${at}`;
    mkdirSync(tree);
    process.chdir(tree);
    s.make('regular', 'file');
    mkdirSync('full');
    s.make('regular', 'full/file');
    symlinkSync('nowhere', 'dangling');
    symlinkSync('loop', 'loop');
    symlinkSync('file', 'to-file');
    symlinkSync('full', 'to-full');
    s.attempt(short(path), () => action(path));
    for (const name of [
      'file',
      'full',
      'full/file',
      'missing',
      'nowhere',
      'dangling',
      'to-file',
      'to-full',
    ])
      s.show(name);
    process.chdir('..');
  }
}

/** Tries an action on `shut/f` as everybody, with each mode of the directory. */
export function tryModesOfParent(
  s: Subject,
  prepare: () => void,
  action: (path: string) => unknown,
): void {
  for (const mode of [0o000, 0o111, 0o222, 0o333, 0o444, 0o555, 0o666, 0o711, 0o777]) {
    for (const user of s.users) {
      s.make('directory', 'shut');
      prepare();
      chmodSync('shut', mode);
      s.attempt(`${octal(mode)} ${user.name}`, () => s.as(user, () => action('shut/f')));
      chmodSync('shut', 0o755);
      s.show('shut/f');
    }
  }
}
