import { closeSync, constants, fchmodSync, fchownSync, ftruncateSync } from 'node:fs';
import { errno, errnoOf, unlessRefused } from '../errno.ts';
import { unlessNotFound } from '../errors.ts';
import { writeFully } from '../files/index.ts';
import {
  chownAt,
  isSymlink,
  O_PATH,
  openAt,
  setXattr,
  symlinkAt,
  unlinkAt,
  utimensAt,
} from '../sys/index.ts';
import type { Artifact, ArtifactNode } from './artifact.ts';
import type { CopyTarget, MadeName } from './copy-target.ts';
import { NEW_FILE } from './unfinished.ts';
import { type Step, walk } from './walk.ts';

/** What a copy did. */
export interface Copied {
  readonly files: number;
  readonly bytes: number;
  /** Sockets, pipes and devices, which have no content, and what is mounted there: left out. */
  readonly skipped: readonly { readonly path: Buffer; readonly type: string }[];
  /** What has attributes that the file system there does not take: copied without them. */
  readonly bare: readonly Buffer[];
  /** What was copied without its set-user-ID and set-group-ID bits. */
  readonly withoutSetId: readonly Buffer[];
}

export interface CopyOptions {
  /**
   * Keeps set-user-ID and set-group-ID bits, which would give the caller's rights to whoever
   * wrote the file.
   */
  readonly keepSetId?: boolean;
  /** Whose it becomes where the caller is root; else whose it was. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Called before each thing that is copied; what it throws ends the copy. */
  readonly onEach?: () => void;
}

/** What a file or directory is given besides its content. */
export type Attributes = Pick<Artifact, 'uid' | 'gid' | 'mode' | 'atimeNs' | 'mtimeNs'> & {
  readonly xattrs: ReturnType<ArtifactNode['xattrs']>;
};

/** Set-user-ID and set-group-ID. */
export const SET_ID = 0o6000;

const buffer = Buffer.allocUnsafeSlow(1024 * 1024);

/**
 * Copies artifacts into a target: content, holes, symbolic links as links, hard links, user
 * attributes, modes and times; owners too where the caller is root. Links are never followed, on
 * either side; only what is a regular file by then is opened.
 */
export class TreeCopy implements Copied {
  files = 0;
  bytes = 0;
  readonly skipped: { path: Buffer; type: string }[] = [];
  readonly bare: Buffer[] = [];
  readonly withoutSetId: Buffer[] = [];
  private readonly target: CopyTarget;
  private readonly options: CopyOptions;
  /** The first name, in the target, of a file with several. */
  private readonly linked = new Map<string, MadeName>();
  private path: Buffer = Buffer.alloc(0);

  constructor(target: CopyTarget, options: CopyOptions) {
    this.target = target;
    this.options = options;
  }

  /** Copies one artifact, with all that is in it, to a name where the target is. */
  copyAs(source: ArtifactNode, name: Buffer): void {
    const { artifact } = source;
    this.beforeEach();
    if (artifact.type === 'directory') {
      this.target.enter(name);
      this.fill(source);
      this.target.leave((fd) => this.finish(fd, attributesOf(source), Buffer.alloc(0)));
    } else if (artifact.type === 'symlink') this.copyLink(artifact, name);
    else this.copyFile(source, name, name);
  }

  /** To be called before each thing that is copied. */
  beforeEach(): void {
    this.options.onEach?.();
  }

  /** Copies what is in a directory to where the target is. */
  fill(top: ArtifactNode): void {
    for (const step of walk(top)) {
      if (step.type === 'visit') this.copy(step);
      else this.leave(step.node);
    }
  }

  private copy({ artifact, path, parent }: Step & { readonly type: 'visit' }): void {
    const { name, type, identity, isMountPoint } = artifact;
    this.beforeEach();
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
      type === 'symlink' ? this.copyLink(artifact, name) : this.copyChild(parent, name, path);
    if (isMade && identity !== null) this.linked.set(identity, this.target.made(name));
  }

  private leave(directory: ArtifactNode | undefined): void {
    const { path } = this;
    this.target.leave((fd) => {
      if (directory) this.finish(fd, attributesOf(directory), path);
    });
    this.path = path.subarray(0, Math.max(0, path.lastIndexOf('/')));
  }

  private copyChild(parent: ArtifactNode, name: Buffer, path: Buffer): boolean {
    using source = unlessNotFound(() => parent.child(name));
    return source !== undefined && this.copyFile(source, name, path);
  }

  /** False where it is no regular file, be it that it was none or that the task exchanged it. */
  private copyFile(source: ArtifactNode, name: Buffer, path: Buffer): boolean {
    const { type } = source.artifact;
    if (type !== 'file') {
      this.skipped.push({ path, type });
      return false;
    }
    this.target.put(name, (made) =>
      this.writeFile(made, attributesOf(source), path, contentOf(source)),
    );
    return true;
  }

  /** Makes a file where the target is; `write` writes its content and returns its size. */
  writeFile(
    name: Buffer,
    attributes: Attributes,
    path: Buffer,
    write: (fd: number) => number,
  ): void {
    const fd = openAt(this.target.fd, name, NEW_FILE, 0o600);
    try {
      const size = write(fd);
      ftruncateSync(fd, size);
      this.finish(fd, attributes, path);
      this.files += 1;
      this.bytes += size;
    } catch (error) {
      // A part of a file must not pass for the whole of it.
      unlessRefused(() => unlinkAt(this.target.fd, name));
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Attributes, owner, mode, times, in this order: a mode may forbid attributes, and a change of
   * owner clears setuid.
   */
  finish(
    fd: number,
    { xattrs, mode, atimeNs, mtimeNs, ...source }: Attributes,
    path: Buffer,
  ): void {
    if (!setXattrs(fd, xattrs)) this.bare.push(path);
    const { uid, gid } = this.options.owner ?? source;
    if (process.geteuid?.() === 0) fchownSync(fd, uid, gid);
    const dropped = this.options.keepSetId ? 0 : mode & SET_ID;
    if (dropped) this.withoutSetId.push(path);
    fchmodSync(fd, mode & ~dropped);
    utimensAt(fd, '', atimeNs, mtimeNs);
  }

  /** The link is pinned before it changes hands: by its name, another file could. */
  copyLink(
    link: Pick<Artifact, 'target' | 'uid' | 'gid' | 'atimeNs' | 'mtimeNs'>,
    name: Buffer,
  ): true {
    const { target } = this;
    target.put(name, (made) => {
      symlinkAt(link.target ?? Buffer.alloc(0), target.fd, made);
      const fd = openAt(target.fd, made, O_PATH | constants.O_NOFOLLOW);
      try {
        target.assertOurs(fd, isSymlink);
        const { uid, gid } = this.options.owner ?? link;
        if (process.geteuid?.() === 0) chownAt(fd, '', uid, gid);
        utimensAt(fd, '', link.atimeNs, link.mtimeNs);
      } finally {
        closeSync(fd);
      }
    });
    return true;
  }
}

/** Of a node as it was found. */
export const attributesOf = (node: ArtifactNode): Attributes => ({
  ...node.artifact,
  mode: node.plainMode(),
  xattrs: node.xattrs(),
});

/**
 * Copies all but the holes; returns the size, for a live file may have been truncated meanwhile.
 */
const contentOf =
  (source: ArtifactNode) =>
  (fd: number): number => {
    for (const { start, length } of source.data()) {
      for (let at = start; at < start + length; ) {
        const got = source.read(buffer.subarray(0, start + length - at), at);
        if (got === 0) return at;
        writeFully(fd, buffer.subarray(0, got), at);
        at += got;
      }
    }
    return source.artifact.size;
  };

const REFUSALS: readonly number[] = [errno.EOPNOTSUPP, errno.ENOSPC, errno.E2BIG, errno.ERANGE];

/** Whether the file system took all of them. */
function setXattrs(fd: number, xattrs: Attributes['xattrs']): boolean {
  try {
    for (const [name, value] of xattrs) setXattr(fd, name, value);
    return true;
  } catch (error) {
    if (!REFUSALS.includes(errnoOf(error))) throw error;
    return false;
  }
}
