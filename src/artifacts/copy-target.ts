import { closeSync, constants, fchmodSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { errno, errnoOf, unlessRefused } from '../errno.ts';
import { reasonOf, TaskfsError } from '../errors.ts';
import { makeDirectories } from '../files/index.ts';
import { showPath } from '../store/index.ts';
import {
  isDirectory,
  linkAt,
  listDirectory,
  mkdirAt,
  O_PATH,
  O_TMPFILE,
  openAt,
  openAt2,
  RESOLVE,
  renameAt,
  renameToNew,
  statFd,
  unlinkAt,
} from '../sys/index.ts';
import { splitPath } from './destination.ts';
import { isTemporaryName, temporaryName } from './unfinished.ts';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const BENEATH = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV;

/** A directory of the target: which one, and its path from the top. */
interface Place {
  readonly above: Place | undefined;
  readonly name: Buffer;
  /** Whether it was made for this, and not there before. */
  readonly isMade: boolean;
  readonly ino: bigint;
  readonly dev: bigint;
}

/** A name that was made in the target. */
export interface MadeName {
  readonly place: Place;
  readonly name: Buffer;
}

/**
 * What is in the way: `fail` where nothing should be there, or `replace`: directories are entered,
 * and files and links replaced, each at once. Directories that were there stay as they are.
 */
type InTheWay = 'fail' | 'replace';

/**
 * A new or empty directory for a copy, which nobody but its owner enters before all is done. Throws
 * `usage` where it is not empty, `failed`.
 */
export function openExportTarget(path: string | Buffer): CopyTarget {
  const { root, isNew } = openTop(path);
  return new CopyTarget(root, 'fail', isNew);
}

/**
 * A directory that a tree is copied into, and the way through it. One directory is open besides the
 * top, and each is the one that was made, or found: whatever anybody puts in its place, nothing is
 * written outside.
 */
export class CopyTarget implements Disposable {
  /** Of the top. */
  readonly root: number;
  /** Whether it was made for this. */
  readonly isNew: boolean;
  /** Where the copy is. */
  fd: number;
  private place: Place;
  private readonly inTheWay: InTheWay;
  private readonly modeBefore: number | undefined;
  /** Whether it belongs to somebody else, who may change it meanwhile. */
  private readonly isShared: boolean;

  /** Around the descriptor of an open directory, which it owns. */
  constructor(root: number, inTheWay: InTheWay, isNew = false) {
    this.root = root;
    this.isNew = isNew;
    this.fd = root;
    this.inTheWay = inTheWay;
    this.place = { above: undefined, name: Buffer.alloc(0), isMade: isNew, ...identityOf(root) };
    this.modeBefore = isNew || inTheWay === 'replace' ? undefined : closeToOthers(root);
    this.isShared = fstatSync(root).uid !== process.geteuid?.() && hasOwners(root);
  }

  /**
   * Throws `failed` where what was just made, and opened by its name, is something else by now.
   */
  assertOurs(fd: number, isType: (mode: number) => boolean): void {
    const { uid, mode, nlink } = statFd(fd);
    const isAlone = isDirectory(mode) || nlink === 1;
    const isOwn = !this.isShared || uid === process.geteuid?.();
    if (!isType(mode) || !isAlone || !isOwn) throw exchanged();
  }

  /** Makes a directory and enters it. Throws `failed` where something else is in the way. */
  enter(name: Buffer): void {
    const isMade = this.makeDirectory(name);
    const below = this.openBelow(name);
    try {
      if (isMade) this.assertOurs(below, isDirectory);
      this.place = { above: this.place, name, isMade, ...identityOf(below) };
    } catch (error) {
      closeSync(below);
      throw error;
    }
    this.goTo(below);
  }

  /** False where there is something of that name that need not be made. */
  private makeDirectory(name: Buffer): boolean {
    try {
      mkdirAt(this.fd, name, 0o700);
      return true;
    } catch (error) {
      if (this.inTheWay === 'fail' || errnoOf(error) !== errno.EEXIST) throw error;
      return false;
    }
  }

  private openBelow(name: Buffer): number {
    try {
      return openAt2(this.fd, name, DIRECTORY, BENEATH);
    } catch (error) {
      const isOther = [errno.ENOTDIR, errno.ELOOP].includes(errnoOf(error));
      throw isOther ? blocked(name, 'is no directory there') : error;
    }
  }

  /**
   * Makes something here: `make` gets the name to make it by. It gets its own once it is whole, and
   * what it replaces stays until then. Throws `failed` where a directory is in the way.
   */
  put(name: Buffer, make: (name: Buffer) => void): void {
    const temporary = temporaryName();
    try {
      make(temporary);
      if (this.inTheWay === 'replace') renameAt(this.fd, temporary, this.fd, name);
      else renameToNew(this.fd, temporary, this.fd, name);
    } catch (error) {
      unlessRefused(() => unlinkAt(this.fd, temporary));
      throw errnoOf(error) === errno.EISDIR ? blocked(name, 'is a directory there') : error;
    }
  }

  /**
   * Back to the directory above; `finish` gets the one that is left, while it is open, if it was
   * made for this.
   */
  leave(finish: (fd: number) => void): void {
    const { above, isMade } = this.place;
    if (!above) return;
    const up = above.above ? openAt(this.fd, '..', DIRECTORY) : this.root;
    try {
      const { ino, dev } = statFd(up);
      if (ino !== above.ino || dev !== above.dev) throw exchanged();
      if (isMade) finish(this.fd);
    } catch (error) {
      if (up !== this.root) closeSync(up);
      throw error;
    }
    this.place = above;
    this.goTo(up);
  }

  /** A name here, for `link`. */
  made(name: Buffer): MadeName {
    return { place: this.place, name };
  }

  /** Makes a further name, here, of what has one already. */
  link(first: MadeName, name: Buffer): void {
    const directory = this.open(first.place);
    try {
      this.put(name, (made) => linkAt(directory, first.name, this.fd, made));
    } finally {
      if (directory !== this.root) closeSync(directory);
    }
  }

  [Symbol.dispose](): void {
    this.goTo(this.root);
    if (this.modeBefore !== undefined) fchmodSync(this.root, this.modeBefore);
    closeSync(this.root);
  }

  /** Name by name: a path may be longer than open(2) takes. */
  private open(place: Place): number {
    const names: Buffer[] = [];
    for (let here = place; here.above; here = here.above) names.push(here.name);
    let fd = this.root;
    for (const name of names.reverse()) {
      const below = openAt(fd, name, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      if (fd !== this.root) closeSync(fd);
      fd = below;
    }
    const { ino, dev } = statFd(fd);
    if (ino === place.ino && dev === place.dev) return fd;
    if (fd !== this.root) closeSync(fd);
    throw exchanged();
  }

  private goTo(fd: number): void {
    if (this.fd !== this.root && this.fd !== fd) closeSync(this.fd);
    this.fd = fd;
  }
}

function identityOf(fd: number) {
  const { ino, dev } = statFd(fd);
  return { ino, dev };
}

/**
 * The directory is private until all is done; for one that was there, the mode that it had is
 * returned.
 */
function closeToOthers(root: number): number | undefined {
  const { uid, mode } = fstatSync(root);
  const me = process.geteuid?.();
  if (me !== 0 && uid !== me) return undefined;
  fchmodSync(root, 0o700);
  return mode & 0o7777;
}

/** Whether files get the owner who makes them: not on every file system. */
function hasOwners(root: number): boolean {
  try {
    const fd = openAt(root, '.', O_TMPFILE | constants.O_WRONLY, 0o600);
    const { uid } = fstatSync(fd);
    closeSync(fd);
    return uid === process.geteuid?.();
  } catch {
    return false;
  }
}

function openTop(path: string | Buffer): { readonly root: number; readonly isNew: boolean } {
  try {
    makeDirectories(splitPath(Buffer.from(path)).directory);
    const isNew = makeTop(path);
    const flags = constants.O_RDONLY | constants.O_DIRECTORY;
    const root = openSync(path, isNew ? flags | constants.O_NOFOLLOW : flags);
    const names = [...listDirectory(root)].map(({ name }) => name);
    if (names.length === 0) return { root, isNew };
    closeSync(root);
    throw notEmpty(path, names.some(isTemporaryName));
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('failed', `cannot make ${path}: ${reasonOf(cause)}`, { cause });
  }
}

function notEmpty(path: string | Buffer, isUnfinished: boolean): TaskfsError {
  if (!isUnfinished) {
    return new TaskfsError('usage', `${path} is not empty`, {
      hint: 'Export into a new or an empty directory: nothing is overwritten.',
    });
  }
  return new TaskfsError('usage', `${path} holds an export that was cut short`, {
    hint: 'Something is missing in it: remove it, then export again.',
  });
}

function makeTop(path: string | Buffer): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (errnoOf(error) === errno.EEXIST) return false;
    throw error;
  }
}

function blocked(name: Buffer, what: string): TaskfsError {
  return new TaskfsError('failed', `'${showPath(name)}' ${what}: it is not replaced`, {
    hint: 'Move it away, or copy to another place.',
  });
}

const exchanged = (): TaskfsError =>
  new TaskfsError('failed', 'what was copied was exchanged by somebody meanwhile', {
    hint: 'Copy into a directory that only you may write to.',
  });
