import { closeSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import {
  AT,
  chmodFd,
  chownAt,
  isDirectory,
  mknodAt,
  O_PATH,
  openAt,
  removeTree,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFSOCK,
  type Stat,
  statAt,
  statFd,
} from '../../../src/sys/index.ts';
import { refusal } from '../posix/check.ts';
import { becomeInThread } from './calls.ts';

/** Who acts, as system calls see it. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}
export const root: User = { name: 'root', uid: 0, gid: 0, groups: [] };
export const one: User = { name: 'one', uid: 65534, gid: 65534, groups: [] };
export const two: User = { name: 'two', uid: 65533, gid: 65533, groups: [] };
export const member: User = { name: 'member', uid: 65532, gid: 65532, groups: [65534, 65531] };

export const TYPES = [
  'regular',
  'directory',
  'fifo',
  'block',
  'char',
  'socket',
  'symlink',
] as const;
export type Type = (typeof TYPES)[number];

const NULL_DEVICE = 0x103;
const A_DISK = 0x701;
const makers: Readonly<Record<Type, (path: string) => void>> = {
  regular: (path) => closeSync(openSync(path, 'wx', 0o644)),
  directory: (path) => mkdirSync(path, 0o755),
  fifo: (path) => mknodAt(AT.FDCWD, path, S_IFIFO | 0o644, 0),
  block: (path) => mknodAt(AT.FDCWD, path, S_IFBLK | 0o644, A_DISK),
  char: (path) => mknodAt(AT.FDCWD, path, S_IFCHR | 0o644, NULL_DEVICE),
  socket: (path) => mknodAt(AT.FDCWD, path, S_IFSOCK | 0o644, 0),
  symlink: (path) => symlinkSync('target', path),
};

/**
 * A directory in which a case acts, and the transcript of what it saw: what every call answered
 * and what files were afterwards, in words that are the same on every file system that does its
 * duty.
 */
export class Subject {
  readonly lines: string[] = [];
  /** Whether this process may be everybody. */
  readonly isRoot = process.geteuid?.() === 0;
  private readonly clock: string;

  /**
   * Paths are relative: the process stands in the directory. `clock` names a file of the same file
   * system.
   */
  constructor(clock: string) {
    this.clock = clock;
  }

  say(line: string): void {
    this.lines.push(line);
  }

  /** Tells how an action ended. */
  attempt(label: string, action: () => unknown): void {
    this.say(`${label}: ${refusal(action)}`);
  }

  /** Types that this user may make. */
  get types(): readonly Type[] {
    return this.isRoot ? TYPES : TYPES.filter((type) => type !== 'block' && type !== 'char');
  }

  get users(): readonly User[] {
    return this.isRoot ? [root, one, two, member] : [this.self];
  }

  get self(): User {
    const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
    return { name: 'self', uid, gid, groups: process.getgroups?.() ?? [] };
  }

  /** Acts as somebody; who is not root is always themselves. */
  as<T>(user: User, action: () => T): T {
    if (!this.isRoot) return action();
    becomeInThread(user);
    try {
      return action();
    } finally {
      becomeInThread(root);
    }
  }

  /** A fresh thing of a type: what was there before is removed. */
  make(type: Type, path: string, mode?: number, owner?: User): string {
    this.clear(path);
    makers[type](path);
    if (owner) this.own(path, owner);
    if (mode !== undefined && type !== 'symlink') chmod(path, mode);
    return path;
  }

  /** How an action ended. */
  outcome(action: () => unknown): string {
    return refusal(action);
  }

  own(path: string, { uid, gid }: User): void {
    if (this.isRoot) chownAt(AT.FDCWD, path, uid, gid);
  }

  /** Removes whatever is there. */
  clear(path: string): void {
    removeTree(AT.FDCWD, path);
  }

  /** Tells whether what is at a path was just made, by all of its times. */
  fresh(path: string): void {
    const stat = lookAt(path);
    const since = BigInt(Date.now() - 5000) * 1_000_000n;
    this.say(
      `fresh: ${[stat?.atimeNs, stat?.mtimeNs, stat?.ctimeNs].map((time) => (time ?? 0n) > since)}`,
    );
  }

  /** Tells what is at a path. */
  show(path: string): void {
    this.say(`  ${path}: ${describe(path)}`);
  }

  /** Tells which times of which paths an action moves, and how it ended. */
  times(label: string, paths: readonly string[], action: () => unknown): void {
    const before = paths.map(lookAt);
    this.tick(before);
    const end = refusal(action);
    const after = paths.map(lookAt);
    const moved = paths.map((path, at) => `${path} ${difference(before[at], after[at])}`);
    this.say(`${label}: ${end}, times moved: ${moved.join(', ')}`);
  }

  /** Waits until the file system's clock has moved on from the last change of these files. */
  private tick(files: readonly (Stat | undefined)[]): void {
    const last = files.reduce(
      (most, stat) => (stat && stat.ctimeNs > most ? stat.ctimeNs : most),
      0n,
    );
    while (this.now() <= last);
  }

  /**
   * Some times are taken from the tick's clock, so a time that was just set tells more than a
   * clock.
   */
  private now(): bigint {
    const fd = openSync(this.clock, 'w');
    try {
      return statFd(fd).mtimeNs;
    } finally {
      closeSync(fd);
    }
  }
}

function chmod(path: string, mode: number): void {
  const fd = openAt(AT.FDCWD, path, O_PATH);
  try {
    chmodFd(fd, mode);
  } finally {
    closeSync(fd);
  }
}

export function lookAt(path: string): Stat | undefined {
  try {
    return statAt(AT.FDCWD, path);
  } catch {
    return undefined;
  }
}

function describe(path: string): string {
  const stat = lookAt(path);
  if (!stat) return 'nothing';
  const { mode, nlink, uid, gid, rdev, size } = stat;
  return [mode.toString(8), nlink, uid, gid, rdev, isDirectory(mode) ? '' : size]
    .join(' ')
    .trimEnd();
}

/** Access times are left out: the mount options of the file system decide over them. */
function difference(before: Stat | undefined, after: Stat | undefined): string {
  if (!before || !after) return before ? 'gone' : after ? 'new' : 'never there';
  if (before.ino !== after.ino) return 'of another';
  const moved = [
    after.mtimeNs === before.mtimeNs ? '' : 'm',
    after.ctimeNs === before.ctimeNs ? '' : 'c',
  ];
  return moved.join('') || 'none';
}
