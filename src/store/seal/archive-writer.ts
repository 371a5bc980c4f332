import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { isRegular, isSymlink, readlinkAt, type Stat, userXattrs } from '../../sys/index.ts';
import { typeOfMode } from './artifact-type.ts';
import { extentsOf, hasChanged, type OpenContent, openContent } from './content.ts';
import type { EncryptedWriter } from './encrypted-writer.ts';
import type { Stretch } from './index-entry.ts';
import type { IndexWriter, NewEntry } from './index-writer.ts';
import type { OnLend } from './lent-modes.ts';
import { BLOCK, encodeMember, type Member, padding, storedSize } from './tar-header.ts';
import { TreeChanged, type Visit, walk } from './walk.ts';

/** What became of a tree. */
export interface Written {
  /** Bytes of the tar. */
  readonly bytes: number;
  readonly files: number;
  /** Sockets, pipes and devices: in the index, not in the tar. */
  readonly skipped: readonly { readonly path: string; readonly type: string }[];
  /** Files that were written to while they were read. */
  readonly changed: readonly string[];
}

export interface WriterOptions {
  /** Whether a file that changes while it is read ends the attempt with TreeChanged, or is taken as it was read. */
  readonly tolerant: boolean;
  readonly onProgress: (progress: { bytes: number; files: number }) => void;
  readonly mimeOf: (name: string) => string | null;
  readonly onLend: OnLend;
}

/** Writes a tree as tar and index, in one walk. */
export class ArchiveWriter {
  private readonly tar: EncryptedWriter;
  private readonly index: IndexWriter;
  private readonly options: WriterOptions;
  /** The first name of each file that has several: its path in the tar, its line in the index. */
  private readonly linked = new Map<string, { path: Buffer; position: number }>();
  private readonly skipped: { path: string; type: string }[] = [];
  private readonly changed: string[] = [];
  /** Attributes of the directories that the walk is in. */
  private readonly open: Pick<NewEntry, 'xattrs'>[] = [];
  private files = 0;

  constructor(tar: EncryptedWriter, index: IndexWriter, options: WriterOptions) {
    this.tar = tar;
    this.index = index;
    this.options = options;
  }

  /** Writes everything beneath `top`; no tree at all is an empty one. Throws TreeChanged, Errno. */
  async write(top: string): Promise<Written> {
    let met = false;
    for (const visit of walk(top, this.options.onLend)) {
      met = true;
      await this.visit(visit);
    }
    if (!met) await this.writeEmpty();
    await this.tar.writeZeros(2 * BLOCK);
    const { files, skipped, changed } = this;
    return { bytes: this.tar.position, files, skipped, changed };
  }

  private async writeEmpty(): Promise<void> {
    const now = BigInt(Date.now()) * 1_000_000n;
    const times = { atimeNs: now, mtimeNs: now, ctimeNs: now };
    const ids = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
    const directory = { mode: 0o700, size: 0, ...ids, ...times };
    await this.tar.write(
      encodeMember({ path: Buffer.from('./'), type: 'Directory', ...directory }),
    );
    this.index.enter();
    await this.index.leave({ name: Buffer.alloc(0), type: 'directory', nlink: 2, ...directory });
  }

  private async visit(visit: Visit): Promise<void> {
    if (visit.kind === 'enter') return await this.enter(visit);
    if (visit.kind === 'leave') return await this.leave(visit);
    const { stat } = visit;
    const identity = stat.nlink > 1 ? `${stat.dev}:${stat.ino}` : undefined;
    const first = identity === undefined ? undefined : this.linked.get(identity);
    if (first) return await this.writeLink(visit, first);
    const position = await this.writeLeaf(visit);
    if (identity !== undefined) this.linked.set(identity, { path: memberPath(visit), position });
  }

  private async enter(visit: Visit): Promise<void> {
    const xattrs = withXattrs(visit.fd);
    this.open.push(xattrs);
    const path = Buffer.concat([
      memberPath(visit),
      SLASH.subarray(visit.path.length === 0 ? 1 : 0),
    ]);
    await this.tar.write(
      encodeMember({ ...attributes(visit.stat), path, type: 'Directory', size: 0, ...xattrs }),
    );
    this.index.enter();
  }

  private async leave({ name, stat }: Visit): Promise<void> {
    const { nlink } = stat;
    const xattrs = this.open.pop();
    await this.index.leave({
      ...attributes(stat),
      name,
      type: 'directory',
      size: 0,
      nlink,
      ...xattrs,
    });
  }

  private async writeLink(visit: Visit, first: { path: Buffer; position: number }): Promise<void> {
    const isInTar = isRegular(visit.stat.mode) || isSymlink(visit.stat.mode);
    if (isInTar) {
      const member = { ...attributes(visit.stat), path: memberPath(visit), size: 0 };
      await this.tar.write(encodeMember({ ...member, type: 'Link', linkTarget: first.path }));
    }
    await this.index.addLink(visit.name, first.position);
  }

  private async writeLeaf(visit: Visit): Promise<number> {
    const { mode } = visit.stat;
    if (isRegular(mode)) return await this.writeFile(visit);
    if (isSymlink(mode)) return await this.writeSymlink(visit);
    const type = typeOfMode(mode);
    this.skipped.push({ path: visit.path.toString(), type });
    const { name, stat } = visit;
    return await this.index.add({ ...attributes(stat), name, type, size: 0, nlink: stat.nlink });
  }

  private async writeSymlink(visit: Visit): Promise<number> {
    const { name, stat } = visit;
    const target = readlinkAt(visit.fd, name);
    const member: Member = {
      ...attributes(stat),
      path: memberPath(visit),
      type: 'SymbolicLink',
      size: 0,
      linkTarget: target,
    };
    await this.tar.write(encodeMember(member));
    const { nlink } = stat;
    const entry = {
      ...attributes(stat),
      name,
      type: 'symlink',
      size: target.length,
      nlink,
    } as const;
    return await this.index.add({ ...entry, target });
  }

  private async writeFile(visit: Visit): Promise<number> {
    const content = openContent(visit, this.options.onLend);
    try {
      return await this.writeContent(visit, content);
    } finally {
      closeSync(content.fd);
    }
  }

  private async writeContent(visit: Visit, content: OpenContent): Promise<number> {
    const size = Number(content.opened.size);
    const extents = extentsOf(content);
    const member: Member = {
      ...attributes(visit.stat),
      mtimeNs: content.opened.mtimeNs,
      path: memberPath(visit),
      type: 'File',
      size,
      ...withXattrs(content.fd),
      ...(extents && { extents }),
    };
    await this.tar.write(encodeMember(member));
    const offset = this.tar.position;
    const sha256 = await this.copy(content.fd, extents ?? [{ start: 0, length: size }]);
    await this.tar.writeZeros(padding(storedSize(member)));
    if (hasChanged(content)) this.noteChange(visit.path);
    this.files++;
    this.options.onProgress({ bytes: this.tar.position, files: this.files });
    const { path: _path, type: _type, ...same } = member;
    const mime = this.options.mimeOf(visit.name.toString('latin1'));
    const { nlink } = visit.stat;
    const found = { offset, sha256, ...(mime && { mime }) };
    return await this.index.add({ ...same, name: visit.name, type: 'file', nlink, ...found });
  }

  /** Copies stretches of a file into the tar; returns the sha256 of what was copied. */
  private async copy(fd: number, stretches: readonly Stretch[]): Promise<string> {
    const hash = createHash('sha256');
    for (const { start, length } of stretches) {
      for (let done = 0; done < length; ) {
        const room = (await this.tar.room()).subarray(0, length - done);
        const got = readSync(fd, room, 0, room.length, start + done);
        // A file that was cut shorter meanwhile keeps its announced length, in zeros; it counts as changed.
        const part = got > 0 ? room.subarray(0, got) : room.fill(0);
        hash.update(part);
        this.tar.advance(part.length);
        done += part.length;
        this.options.onProgress({ bytes: this.tar.position, files: this.files });
      }
    }
    return hash.digest('hex');
  }

  private noteChange(path: Buffer): void {
    if (!this.options.tolerant) throw new TreeChanged(path);
    this.changed.push(path.toString());
  }
}

const SLASH = Buffer.from('/');

/** `./` and the path: no name can be mistaken for an option, and the top has one too. */
const memberPath = ({ path }: Visit): Buffer => Buffer.concat([Buffer.from('./'), path]);

function attributes({ mode, uid, gid, atimeNs, mtimeNs, ctimeNs }: Stat) {
  return { mode: mode & 0o7777, uid, gid, atimeNs, mtimeNs, ctimeNs };
}

function withXattrs(fd: number): Pick<NewEntry, 'xattrs'> {
  const xattrs = userXattrs(fd);
  return xattrs.length > 0 ? { xattrs } : {};
}
