import { closeSync, constants } from 'node:fs';
import { unlessRefused } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { readFully, writeFully } from '../files/index.ts';
import { type Store, showPath } from '../store/index.ts';
import { AT, makeMemoryFile, O_TMPFILE, openAt } from '../sys/index.ts';
import { readTar, type TarMember, type TarSource } from '../tar/index.ts';
import type { CopyTarget, MadeName } from './copy-target.ts';
import type { Attributes, TreeCopy } from './tree-copy.ts';

/** A directory of the tar that is being filled. */
interface Level {
  readonly name: Buffer;
  readonly attributes: Attributes;
}

/**
 * Unpacks a tar (pax, GNU or ustar, not compressed) into a target by the rules of a copy. Members
 * that lead out of it are refused, and links are not followed. Throws `usage` for those,
 * `damaged` where it is no whole tar.
 */
export function unpackTar(tar: TarSource, target: CopyTarget, copy: TreeCopy): void {
  const unpacking = new Unpacking(tar, target, copy);
  for (const member of readTar(tar)) unpacking.add(member);
  unpacking.ascendTo([]);
}

class Unpacking {
  private readonly tar: TarSource;
  private readonly target: CopyTarget;
  private readonly copy: TreeCopy;
  private readonly levels: Level[] = [];
  /** Files by their paths, for further names of theirs. */
  private readonly made = new Map<string, MadeName>();

  constructor(tar: TarSource, target: CopyTarget, copy: TreeCopy) {
    this.tar = tar;
    this.target = target;
    this.copy = copy;
  }

  add(member: TarMember): void {
    const parts = partsOf(member.path);
    const name = parts.at(-1);
    if (!name) return;
    this.copy.beforeEach();
    this.descendTo(parts.slice(0, -1));
    const path = joined(parts);
    if (member.type === 'directory') {
      this.enter(name, attributesOf(member));
      return;
    }
    if (member.type === 'link') {
      this.link(member, name);
      return;
    }
    if (member.type === 'symlink') this.copy.copyLink(member, name);
    else if (member.type === 'file') this.file(member, name, path);
    else {
      this.copy.skipped.push({ path, type: member.type });
      return;
    }
    this.made.set(path.toString('latin1'), this.target.made(name));
  }

  /** Leaves directories until the rest are the first of these. */
  ascendTo(parts: readonly Buffer[]): void {
    const isAbove = (): boolean =>
      this.levels.length <= parts.length &&
      this.levels.every(({ name }, index) => parts[index]?.equals(name));
    while (!isAbove()) {
      const path = joined(this.levels.map(({ name }) => name));
      const level = this.levels.pop();
      this.target.leave((fd) => {
        if (level) this.copy.finish(fd, level.attributes, path);
      });
    }
  }

  private descendTo(parts: readonly Buffer[]): void {
    this.ascendTo(parts);
    for (const name of parts.slice(this.levels.length)) this.enter(name, unnamed());
  }

  private enter(name: Buffer, attributes: Attributes): void {
    this.target.enter(name);
    this.levels.push({ name, attributes });
  }

  private link(member: TarMember, name: Buffer): void {
    const first = this.made.get(joined(partsOf(member.target)).toString('latin1'));
    if (!first) {
      const [path, to] = [member.path, member.target].map(showPath);
      throw new TaskfsError(
        'usage',
        `'${path}' is a hard link to '${to}', which does not come before it`,
        {
          hint: 'The tar is incomplete: pack both.',
        },
      );
    }
    this.target.link(first, name);
  }

  private file(member: TarMember, name: Buffer, path: Buffer): void {
    const attributes = attributesOf(member);
    this.target.put(name, (made) => {
      this.copy.writeFile(made, attributes, path, (fd) => this.writeContent(member, fd));
    });
  }

  private writeContent(member: TarMember, fd: number): number {
    const extents = member.extents ?? [{ start: 0, length: member.size }];
    let from = member.offset;
    for (const { start, length } of extents) {
      for (let done = 0; done < length; ) {
        const part = PIECE.subarray(0, Math.min(PIECE.length, length - done));
        const got = this.tar.read(part, from);
        if (got === 0) throw new TaskfsError('damaged', 'the tar is truncated');
        writeFully(fd, part.subarray(0, got), start + done);
        done += got;
        from += got;
      }
    }
    return member.size;
  }
}

const PIECE = Buffer.allocUnsafeSlow(256 * 1024);

const attributesOf = ({ uid, gid, mode, atimeNs, mtimeNs, xattrs }: TarMember): Attributes => ({
  uid,
  gid,
  mode,
  atimeNs,
  mtimeNs,
  xattrs,
});

/** Of a directory that has no member of its own. */
function unnamed(): Attributes {
  const now = BigInt(Date.now()) * 1_000_000n;
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  return { uid, gid, mode: 0o755, atimeNs: now, mtimeNs: now, xattrs: [] };
}

const joined = (parts: readonly Buffer[]): Buffer =>
  Buffer.from(parts.map((part) => part.toString('latin1')).join('/'), 'latin1');

/** The names of a path; absolute ones are taken from the top, as tar(1) does. */
function partsOf(path: Buffer): Buffer[] {
  const parts = path.toString('latin1').split('/');
  if (parts.includes('..')) {
    throw new TaskfsError('usage', `the tar holds '${showPath(path)}', which leads out of it`, {
      hint: 'It is not unpacked further.',
    });
  }
  return parts
    .filter((part) => part !== '' && part !== '.')
    .map((part) => Buffer.from(part, 'latin1'));
}

/**
 * A tar that comes as a stream, to be read at any place: kept in a file without a name beside the
 * files of tasks, or in memory where that file system has no such files.
 */
export async function spoolTar(
  stream: AsyncIterable<Uint8Array>,
  store: Store,
): Promise<TarSource & Disposable> {
  const flags = O_TMPFILE | constants.O_RDWR;
  const fd =
    unlessRefused(() => openAt(AT.FDCWD, store.staging, flags, 0o600)) ?? makeMemoryFile('tar');
  using opened = new DisposableStack();
  opened.defer(() => closeSync(fd));
  let size = 0;
  for await (const piece of stream) {
    writeFully(fd, piece, size);
    size += piece.length;
  }
  const kept = opened.move();
  return {
    size,
    read: (into, offset) => readFully(fd, into, offset),
    [Symbol.dispose]: () => kept.dispose(),
  };
}
