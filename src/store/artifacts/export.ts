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
import {
  chownAt,
  errno,
  errnoOf,
  linkAt,
  mkdirAt,
  openAt,
  setXattr,
  symlinkAt,
  utimensAt,
} from '../../sys/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import type { Artifact, ArtifactNode } from './artifact.ts';
import { type Step, walk } from './walk.ts';

/** What an export did. */
export interface Exported {
  readonly files: number;
  readonly bytes: number;
  /** Sockets, pipes and devices, which have no content, and what is mounted there: left out. */
  readonly skipped: readonly { readonly path: Buffer; readonly type: string }[];
  /** What has attributes that the file system there does not take: copied without them. */
  readonly bare: readonly Buffer[];
}

/**
 * Copies a task's tree into a directory that is new or empty: content, holes, symbolic links as
 * links, hard links, user attributes, modes and times; owners too where the caller is root. A directory
 * that is there already stays as it is itself. Links are never followed, on either side. Throws
 * `usage` where the directory is not empty, `failed` where it cannot be written.
 */
export function exportTree(top: ArtifactNode, directory: string | Buffer): Exported {
  const { root, isNew } = openTarget(directory);
  const copy = new TreeCopy(root);
  try {
    copy.fill(top);
    if (isNew) copy.finish(root, top, Buffer.alloc(0));
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('failed', `cannot write into ${directory}: ${messageOf(cause)}`, {
      hint: 'What was copied so far is there. Export again into a new directory.',
      cause,
    });
  } finally {
    closeSync(root);
  }
  const { files, bytes, skipped, bare } = copy;
  return { files, bytes, skipped, bare };
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

function openTarget(directory: string | Buffer): {
  readonly root: number;
  readonly isNew: boolean;
} {
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

const buffer = Buffer.allocUnsafeSlow(1024 * 1024);

/** A directory of the target that is being filled. */
interface Target {
  readonly fd: number;
  readonly path: Buffer;
}

class TreeCopy {
  files = 0;
  bytes = 0;
  readonly skipped: { path: Buffer; type: string }[] = [];
  readonly bare: Buffer[] = [];
  private readonly root: number;
  /** The target's directories from the root to where the walk is. */
  private readonly targets: Target[];
  /** Where the first name of a file with several lies in the target. */
  private readonly linked = new Map<string, Buffer>();

  constructor(root: number) {
    this.root = root;
    this.targets = [{ fd: root, path: Buffer.alloc(0) }];
  }

  fill(top: ArtifactNode): void {
    try {
      for (const step of walk(top)) {
        if (step.type === 'meet') this.copy(step);
        else this.leave(step.node);
      }
    } finally {
      for (const { fd } of this.targets.splice(1)) closeSync(fd);
    }
  }

  private get target(): number {
    return this.targets.at(-1)?.fd ?? this.root;
  }

  private copy({ artifact, path, parent }: Step & { readonly type: 'meet' }): void {
    const { name, type, identity, isMountPoint } = artifact;
    if (isMountPoint) {
      this.skipped.push({ path, type: 'mount point' });
      return;
    }
    const first = identity === null ? undefined : this.linked.get(identity);
    if (first) {
      linkAt(this.root, first, this.target, name);
      return;
    }
    if (type === 'directory') this.enter(name, path);
    else if (type === 'file') this.copyFile(parent, name, path);
    else if (type === 'symlink') copyLink(artifact, this.target);
    else {
      this.skipped.push({ path, type });
      return;
    }
    if (identity !== null) this.linked.set(identity, path);
  }

  private enter(name: Buffer, path: Buffer): void {
    mkdirAt(this.target, name, 0o700);
    this.targets.push({ fd: openAt(this.target, name, DIRECTORY), path });
  }

  private leave(directory: ArtifactNode): void {
    const target = this.targets.pop();
    if (target === undefined) return;
    this.finish(target.fd, directory, target.path);
    closeSync(target.fd);
  }

  private copyFile(parent: ArtifactNode, name: Buffer, path: Buffer): void {
    using source = parent.child(name);
    const fd = openAt(this.target, name, NEW_FILE, 0o600);
    try {
      const size = copyContent(source, fd);
      ftruncateSync(fd, size);
      this.finish(fd, source, path);
      this.files += 1;
      this.bytes += size;
    } finally {
      closeSync(fd);
    }
  }

  /** Attributes, owner, mode, times, in this order: a mode may forbid attributes, and a change of owner clears setuid. */
  finish(fd: number, node: ArtifactNode, path: Buffer): void {
    const { uid, gid, mode, atimeNs, mtimeNs } = node.artifact;
    if (!setXattrs(fd, node.xattrs())) this.bare.push(path);
    if (process.geteuid?.() === 0) fchownSync(fd, uid, gid);
    fchmodSync(fd, mode);
    utimensAt(fd, '', atimeNs, mtimeNs);
  }
}

/** Copies what is no hole; returns the size, for a live file may end sooner than it did a moment ago. */
function copyContent(source: ArtifactNode, fd: number): number {
  for (const { start, length } of source.data()) {
    for (let at = start; at < start + length; ) {
      const got = source.read(buffer.subarray(0, start + length - at), at);
      if (got === 0) return at;
      for (let done = 0; done < got; ) done += writeSync(fd, buffer, done, got - done, at + done);
      at += got;
    }
  }
  return source.artifact.size;
}

const REFUSALS: readonly number[] = [errno.EOPNOTSUPP, errno.ENOSPC, errno.E2BIG, errno.ERANGE];

/** Whether the file system took all of them. */
function setXattrs(fd: number, xattrs: ReturnType<ArtifactNode['xattrs']>): boolean {
  try {
    for (const [name, value] of xattrs) setXattr(fd, name, value);
    return true;
  } catch (error) {
    if (!REFUSALS.includes(errnoOf(error))) throw error;
    return false;
  }
}

function copyLink(link: Artifact, target: number): void {
  symlinkAt(link.target ?? Buffer.alloc(0), target, link.name);
  if (process.geteuid?.() === 0) chownAt(target, link.name, link.uid, link.gid);
  utimensAt(target, link.name, link.atimeNs, link.mtimeNs);
}
