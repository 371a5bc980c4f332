import { closeSync, constants, fchmodSync, fchownSync, ftruncateSync } from 'node:fs';
import { errno, errnoOf } from '../errno.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { writeFully } from '../files/index.ts';
import {
  chownAt,
  isSymlink,
  O_PATH,
  openAt,
  setXattr,
  symlinkAt,
  utimensAt,
} from '../sys/index.ts';
import { type Artifact, type ArtifactNode, unlessMissing } from './artifact.ts';
import { ExportTarget, type MadeName } from './export-target.ts';
import { type Step, walk } from './walk.ts';

/** What an export did. */
export interface Exported {
  readonly files: number;
  readonly bytes: number;
  /** Sockets, pipes and devices, which have no content, and what is mounted there: left out. */
  readonly skipped: readonly { readonly path: Buffer; readonly type: string }[];
  /** What has attributes that the file system there does not take: copied without them. */
  readonly bare: readonly Buffer[];
  /** What was copied without its set-user-ID and set-group-ID bits. */
  readonly withoutSetId: readonly Buffer[];
}

export interface ExportOptions {
  /**
   * Keeps set-user-ID and set-group-ID bits, which would give the caller's rights to whoever
   * wrote the file.
   */
  readonly keepSetId?: boolean;
}

/**
 * Copies a task's tree into a directory that is new or empty: content, holes, symbolic links as
 * links, hard links, user attributes, modes and times; owners too where the caller is root. A
 * directory that is there already stays as it is itself; nobody else enters it before all is done.
 * Links are never followed, on either side; only what is a regular file by then is opened. Throws
 * `usage` where the directory is not empty, `failed` where it cannot be written.
 */
export function exportTree(
  top: ArtifactNode,
  directory: string | Buffer,
  { keepSetId = false }: ExportOptions = {},
): Exported {
  using target = new ExportTarget(directory);
  const copy = new TreeCopy(target, keepSetId);
  try {
    copy.fill(top);
    if (target.isNew) copy.finish(target.root, top, Buffer.alloc(0));
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('failed', `cannot write into ${directory}: ${messageOf(cause)}`, {
      hint: 'What was copied so far is there. Export again into a new directory.',
      cause,
    });
  }
  const { files, bytes, skipped, bare, withoutSetId } = copy;
  return { files, bytes, skipped, bare, withoutSetId };
}

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Set-user-ID and set-group-ID. */
export const SET_ID = 0o6000;

const buffer = Buffer.allocUnsafeSlow(1024 * 1024);

class TreeCopy {
  files = 0;
  bytes = 0;
  readonly skipped: { path: Buffer; type: string }[] = [];
  readonly bare: Buffer[] = [];
  readonly withoutSetId: Buffer[] = [];
  private readonly target: ExportTarget;
  private readonly keepSetId: boolean;
  /** The first name, in the target, of a file with several. */
  private readonly linked = new Map<string, MadeName>();
  private path: Buffer = Buffer.alloc(0);

  constructor(target: ExportTarget, keepSetId: boolean) {
    this.target = target;
    this.keepSetId = keepSetId;
  }

  fill(top: ArtifactNode): void {
    for (const step of walk(top)) {
      if (step.type === 'visit') this.copy(step);
      else this.leave(step.node);
    }
  }

  private copy({ artifact, path, parent }: Step & { readonly type: 'visit' }): void {
    const { name, type, identity, isMountPoint } = artifact;
    if (isMountPoint) {
      this.skipped.push({ path, type: 'mount point' });
      return;
    }
    const first = identity === null ? undefined : this.linked.get(identity);
    if (first) {
      this.target.link(first, name);
      return;
    }
    if (type === 'directory') {
      this.target.enter(name);
      this.path = path;
      return;
    }
    const isMade =
      type === 'symlink' ? copyLink(artifact, this.target) : this.copyFile(parent, name, path);
    if (isMade && identity !== null) this.linked.set(identity, this.target.made(name));
  }

  private leave(directory: ArtifactNode | undefined): void {
    const { path } = this;
    this.target.leave((fd) => {
      if (directory) this.finish(fd, directory, path);
    });
    this.path = path.subarray(0, Math.max(0, path.lastIndexOf('/')));
  }

  /** False where it is no regular file, be it that it was none or that the task exchanged it. */
  private copyFile(parent: ArtifactNode, name: Buffer, path: Buffer): boolean {
    using source = unlessMissing(() => parent.child(name));
    const type = source?.artifact.type;
    if (!source || type !== 'file') {
      if (type) this.skipped.push({ path, type });
      return false;
    }
    const fd = openAt(this.target.fd, name, NEW_FILE, 0o600);
    try {
      const size = copyContent(source, fd);
      ftruncateSync(fd, size);
      this.finish(fd, source, path);
      this.files += 1;
      this.bytes += size;
      return true;
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Attributes, owner, mode, times, in this order: a mode may forbid attributes, and a change of
   * owner clears setuid.
   */
  finish(fd: number, node: ArtifactNode, path: Buffer): void {
    const { uid, gid, atimeNs, mtimeNs } = node.artifact;
    const mode = node.plainMode();
    if (!setXattrs(fd, node.xattrs())) this.bare.push(path);
    if (process.geteuid?.() === 0) fchownSync(fd, uid, gid);
    const dropped = this.keepSetId ? 0 : mode & SET_ID;
    if (dropped) this.withoutSetId.push(path);
    fchmodSync(fd, mode & ~dropped);
    utimensAt(fd, '', atimeNs, mtimeNs);
  }
}

/**
 * Copies all but the holes; returns the size, for a live file may have been truncated meanwhile.
 */
function copyContent(source: ArtifactNode, fd: number): number {
  for (const { start, length } of source.data()) {
    for (let at = start; at < start + length; ) {
      const got = source.read(buffer.subarray(0, start + length - at), at);
      if (got === 0) return at;
      writeFully(fd, buffer.subarray(0, got), at);
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

/** The link is pinned before it changes hands: by its name, another file could. */
function copyLink(link: Artifact, target: ExportTarget): true {
  symlinkAt(link.target ?? Buffer.alloc(0), target.fd, link.name);
  const fd = openAt(target.fd, link.name, O_PATH | constants.O_NOFOLLOW);
  try {
    target.assertOurs(fd, isSymlink);
    if (process.geteuid?.() === 0) chownAt(fd, '', link.uid, link.gid);
    utimensAt(fd, '', link.atimeNs, link.mtimeNs);
    return true;
  } finally {
    closeSync(fd);
  }
}
