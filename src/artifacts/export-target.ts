import { closeSync, constants, fchmodSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { errno, errnoOf } from '../errno.ts';
import { messageOf, TaskfsError } from '../errors.ts';
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
  statFd,
} from '../sys/index.ts';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const BENEATH = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV;

/** A directory of the target: which one, and its path from the top. */
interface Place {
  readonly above: Place | undefined;
  readonly name: Buffer;
  readonly ino: bigint;
  readonly dev: bigint;
}

/** A name that was made in the target. */
export interface MadeName {
  readonly place: Place;
  readonly name: Buffer;
}

/**
 * The directory that a tree is copied into, and the way through it. Nobody but its owner enters it
 * before all is done. One directory is open besides the top, and each is the one that was made:
 * whatever anybody puts in its place, nothing is written outside.
 */
export class ExportTarget implements Disposable {
  /** Of the top. */
  readonly root: number;
  /** Whether it was made for this. */
  readonly isNew: boolean;
  /** Where the copy is. */
  fd: number;
  private place: Place;
  private readonly modeBefore: number | undefined;
  /** Whether it belongs to somebody else, who may change it meanwhile. */
  private readonly isShared: boolean;

  /** Throws `usage` where the directory is not empty, `failed`. */
  constructor(path: string | Buffer) {
    const { root, isNew } = openTop(path);
    this.root = root;
    this.isNew = isNew;
    this.fd = root;
    this.place = { above: undefined, name: Buffer.alloc(0), ...identityOf(root) };
    this.modeBefore = isNew ? undefined : closeToOthers(root);
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

  /** Makes a directory and enters it. */
  enter(name: Buffer): void {
    mkdirAt(this.fd, name, 0o700);
    const below = openAt2(this.fd, name, DIRECTORY, BENEATH);
    try {
      this.assertOurs(below, isDirectory);
      this.place = { above: this.place, name, ...identityOf(below) };
    } catch (error) {
      closeSync(below);
      throw error;
    }
    this.goTo(below);
  }

  /** Back to the directory above; `finish` gets the one that is left, while it is open. */
  leave(finish: (fd: number) => void): void {
    const { above } = this.place;
    if (!above) return;
    const up = above.above ? openAt(this.fd, '..', DIRECTORY) : this.root;
    try {
      const { ino, dev } = statFd(up);
      if (ino !== above.ino || dev !== above.dev) throw exchanged();
      finish(this.fd);
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
      linkAt(directory, first.name, this.fd, name);
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
    mkdirSync(parentOf(path), { recursive: true });
    const isNew = makeTop(path);
    const flags = constants.O_RDONLY | constants.O_DIRECTORY;
    const root = openSync(path, isNew ? flags | constants.O_NOFOLLOW : flags);
    for (const _ of listDirectory(root)) {
      closeSync(root);
      throw new TaskfsError('usage', `${path} is not empty`, {
        hint: 'Export into a new or an empty directory: nothing is overwritten.',
      });
    }
    return { root, isNew };
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('failed', `cannot make ${path}: ${messageOf(cause)}`, { cause });
  }
}

function parentOf(path: string | Buffer): Buffer {
  const raw = Buffer.from(path);
  const slash = raw.lastIndexOf('/');
  return slash < 0 ? Buffer.from('.') : raw.subarray(0, Math.max(1, slash));
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

const exchanged = (): TaskfsError =>
  new TaskfsError('failed', 'what the export made was exchanged by somebody meanwhile', {
    hint: 'Export into a directory that only you may write to.',
  });
