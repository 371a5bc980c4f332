import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  writeSync,
} from 'node:fs';
import { chownAt, linkAt, mkdirAt, openAt, symlinkAt, utimensAt } from '../../sys/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import type { Artifact, ArtifactNode } from './artifact.ts';
import { type Step, walk } from './walk.ts';

/** What an export did. */
export interface Exported {
  readonly files: number;
  readonly bytes: number;
  /** Sockets, pipes and devices, which have no content: left out. */
  readonly skipped: readonly { readonly path: Buffer; readonly type: string }[];
}

/**
 * Copies a task's tree into a directory that is new or empty: content, holes, symbolic links as
 * links, hard links, modes and times; owners too where the caller is root. A directory that is there
 * already stays as it is itself. Links are never followed, on either side. Throws `usage` where the directory is not empty, `failed` where it cannot be written.
 */
export function exportTree(top: ArtifactNode, directory: string): Exported {
  const { root, isNew } = openTarget(directory);
  const copy = new TreeCopy(root);
  try {
    copy.fill(top);
    if (isNew) finish(root, top.artifact);
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('failed', `cannot write into ${directory}: ${messageOf(cause)}`, {
      hint: 'What was copied so far is there. Export again into a new directory.',
      cause,
    });
  } finally {
    closeSync(root);
  }
  return { files: copy.files, bytes: copy.bytes, skipped: copy.skipped };
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

function openTarget(directory: string): { readonly root: number; readonly isNew: boolean } {
  let made: string | undefined;
  try {
    made = mkdirSync(directory, { recursive: true });
  } catch (cause) {
    throw new TaskfsError('failed', `cannot make ${directory}: ${messageOf(cause)}`, { cause });
  }
  if (readdirSync(directory).length > 0) {
    throw new TaskfsError('usage', `${directory} is not empty`, {
      hint: 'Export into a new or an empty directory: nothing is overwritten.',
    });
  }
  const root = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  return { root, isNew: made !== undefined };
}

const BLOCK = 4096;
const buffer = Buffer.allocUnsafeSlow(256 * BLOCK);
const zeros = Buffer.alloc(BLOCK);

class TreeCopy {
  files = 0;
  bytes = 0;
  readonly skipped: { path: Buffer; type: string }[] = [];
  private readonly root: number;
  /** Descriptors of the target directories from the root to where the walk is. */
  private readonly targets: number[];
  /** Where the first name of a file with several lies in the target. */
  private readonly linked = new Map<string, Buffer>();

  constructor(root: number) {
    this.root = root;
    this.targets = [root];
  }

  fill(top: ArtifactNode): void {
    try {
      for (const step of walk(top)) {
        if (step.type === 'meet') this.copy(step);
        else this.leave(step.artifact);
      }
    } finally {
      for (const fd of this.targets.splice(1)) closeSync(fd);
    }
  }

  private get target(): number {
    return this.targets.at(-1) ?? this.root;
  }

  private copy({ artifact, path, parent }: Step & { readonly type: 'meet' }): void {
    const { name, type, identity } = artifact;
    const first = identity === null ? undefined : this.linked.get(identity);
    if (first) {
      linkAt(this.root, first, this.target, name);
      return;
    }
    if (type === 'directory') this.enter(name);
    else if (type === 'file') this.copyFile(parent, name);
    else if (type === 'symlink') copyLink(artifact, this.target);
    else {
      this.skipped.push({ path, type });
      return;
    }
    if (identity !== null) this.linked.set(identity, path);
  }

  private enter(name: Buffer): void {
    mkdirAt(this.target, name, 0o700);
    this.targets.push(openAt(this.target, name, DIRECTORY));
  }

  private leave(directory: Artifact): void {
    const fd = this.targets.pop();
    if (fd === undefined) return;
    finish(fd, directory);
    closeSync(fd);
  }

  private copyFile(parent: ArtifactNode, name: Buffer): void {
    using source = parent.child(name);
    const fd = openAt(this.target, name, NEW_FILE, 0o600);
    try {
      let size = 0;
      for (let got = source.read(buffer, size); got > 0; got = source.read(buffer, size)) {
        writeData(fd, buffer.subarray(0, got), size);
        size += got;
      }
      ftruncateSync(fd, size);
      finish(fd, source.artifact);
      this.files += 1;
      this.bytes += size;
    } finally {
      closeSync(fd);
    }
  }
}

/** Writes all blocks that are not zero: what is left out becomes a hole. */
function writeData(fd: number, data: Buffer, offset: number): void {
  for (let at = 0; at < data.length; ) {
    const end = Math.min(at + BLOCK, data.length);
    const isHole = data.subarray(at, end).equals(zeros.subarray(0, end - at));
    at += isHole ? end - at : writeSync(fd, data, at, end - at, offset + at);
  }
}

function copyLink(link: Artifact, target: number): void {
  symlinkAt(link.target ?? Buffer.alloc(0), target, link.name);
  if (process.geteuid?.() === 0) chownAt(target, link.name, link.uid, link.gid);
  utimensAt(target, link.name, link.atimeNs, link.mtimeNs);
}

/** Owner, mode, times, in this order: a change of owner clears setuid. */
function finish(fd: number, { uid, gid, mode, atimeNs, mtimeNs }: Artifact): void {
  if (process.geteuid?.() === 0) fchownSync(fd, uid, gid);
  fchmodSync(fd, mode);
  utimensAt(fd, '', atimeNs, mtimeNs);
}
