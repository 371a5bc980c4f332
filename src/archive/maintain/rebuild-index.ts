import { createHash, hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TaskfsError } from '../../errors.ts';
import type { TarSource } from '../../tar/index.ts';
import { readTar, type TarMember } from '../../tar/index.ts';
import type { IndexWriter, NewEntry } from '../index/writer.ts';

/** What is in an index that was rebuilt from a tar. */
export interface Rebuilt {
  /** Regular files, by their first name. */
  readonly files: number;
  /** Files with content that cannot be read: in the index without their sha256. */
  readonly damaged: number;
}

export interface RebuildOptions {
  readonly mimeOf: (name: string) => string | null;
  /** Bytes of the tar read so far. */
  readonly onProgress: (bytes: number) => void;
}

/**
 * Writes the index of a tar that taskfs wrote, from its members. What a tar does not hold is not
 * in it: sockets, pipes, devices, and how many names a file has beyond those in the tar. Throws
 * `damaged` where a header is, `failed` where the tar is not in our order.
 */
export async function rebuildIndex(
  tar: TarSource,
  index: IndexWriter,
  options: RebuildOptions,
): Promise<Rebuilt> {
  const rebuild = new Rebuild(tar, index, options, countNames(tar));
  for (const member of readTar(tar)) {
    await rebuild.add(member);
    options.onProgress(member.offset + member.stored);
  }
  return rebuild.finish();
}

/** How many further names each file has that has any, by its first one. */
function countNames(tar: TarSource): Map<string, number> {
  const further = new Map<string, number>();
  for (const { type, target } of readTar(tar)) {
    if (type !== 'link') continue;
    const first = pathKey(partsOf(target));
    further.set(first, (further.get(first) ?? 0) + 1);
  }
  return further;
}

/** A directory of the tar that is not complete yet. */
interface Level {
  readonly entry: Omit<NewEntry, 'section' | 'nlink'>;
  directories: number;
  /** The last name, of directories and of everything else: both are sorted, directories first. */
  lastDirectory: Buffer | undefined;
  lastLeaf: Buffer | undefined;
}

class Rebuild {
  private readonly tar: TarSource;
  private readonly index: IndexWriter;
  private readonly options: RebuildOptions;
  private readonly further: ReadonlyMap<string, number>;
  /** Lines of the files that have further names. */
  private readonly positions = new Map<string, number>();
  private readonly levels: Level[] = [];
  private files = 0;
  private damaged = 0;

  constructor(
    tar: TarSource,
    index: IndexWriter,
    options: RebuildOptions,
    further: ReadonlyMap<string, number>,
  ) {
    this.tar = tar;
    this.index = index;
    this.options = options;
    this.further = further;
  }

  async add(member: TarMember): Promise<void> {
    const parts = partsOf(member.path);
    const name = parts.at(-1);
    if (!name) return this.enterTop(member);
    if (parts.some((part) => part.equals(DOTS))) throw foreign(member);
    const level = this.ascendTo(parts.slice(0, -1));
    if (!level) throw foreign(member);
    if (member.type === 'directory') return this.enter(member, level, name);
    if (!isSorted(level.lastLeaf, name)) throw foreign(member);
    level.lastLeaf = name;
    if (member.type === 'link') return this.addLink(member, name);
    const further = this.further.size > 0 ? (this.further.get(pathKey(parts)) ?? 0) : 0;
    const position = this.index.add({
      ...attributes(member),
      name,
      nlink: further + 1,
      ...(await this.describe(member, name)),
    });
    if (further > 0) this.positions.set(pathKey(parts), position);
  }

  finish(): Rebuilt {
    while (this.levels.length > 0) this.leave();
    const { files, damaged } = this;
    return { files, damaged };
  }

  private enterTop(member: TarMember): void {
    if (this.levels.length > 0 || member.type !== 'directory') throw foreign(member);
    this.push(member, Buffer.alloc(0));
  }

  private enter(member: TarMember, parent: Level, name: Buffer): void {
    if (parent.lastLeaf || !isSorted(parent.lastDirectory, name)) throw foreign(member);
    parent.lastDirectory = name;
    parent.directories++;
    this.push(member, name);
  }

  private push(member: TarMember, name: Buffer): void {
    const entry = { ...attributes(member), name, type: 'directory', size: 0 } as const;
    const nothing = { directories: 0, lastDirectory: undefined, lastLeaf: undefined };
    this.levels.push({ entry, ...nothing });
    this.index.enter();
  }

  /** Leaves directories until the one with this path; undefined where it is not open. */
  private ascendTo(path: readonly Buffer[]): Level | undefined {
    const open = this.levels.slice(1);
    let shared = 0;
    while (open[shared]?.entry.name.equals(path[shared] ?? NO_NAME)) shared++;
    while (this.levels.length > shared + 1) this.leave();
    return shared === path.length ? this.levels[shared] : undefined;
  }

  private leave(): void {
    const level = this.levels.pop();
    if (level) this.index.leave({ ...level.entry, nlink: level.directories + 2 });
  }

  private addLink(member: TarMember, name: Buffer): void {
    const position = this.positions.get(pathKey(partsOf(member.target)));
    if (position === undefined) throw foreign(member);
    this.index.addLink(name, position);
  }

  private async describe(member: TarMember, name: Buffer): Promise<Own> {
    const { type, target, size, offset, extents } = member;
    if (type === 'symlink') return { type, size: target.length, target };
    if (type !== 'file') throw foreign(member);
    const mime = this.options.mimeOf(name.toString('latin1'));
    const sha256 = await this.digest(member);
    this.files++;
    if (sha256 === undefined) this.damaged++;
    return {
      type,
      size,
      offset,
      ...(extents && { extents }),
      ...(sha256 && { sha256 }),
      ...(mime && { mime }),
    };
  }

  /** The sha256 of what is stored; undefined where that is damaged. */
  private async digest({ offset, stored }: TarMember): Promise<string | undefined> {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafeSlow(Math.min(stored, PART));
    try {
      for (let at = 0; at < stored; at += buffer.length) {
        const part = buffer.subarray(0, stored - at);
        this.tar.read(part, offset + at);
        hash.update(part);
        this.options.onProgress(offset + at);
        await nextTurn();
      }
      return hash.digest('hex');
    } catch (error) {
      if (error instanceof TaskfsError && error.kind === 'damaged') return undefined;
      throw error;
    }
  }
}

/** What an entry has by its type. */
type Own = Pick<NewEntry, 'type' | 'size' | 'target' | 'offset' | 'extents' | 'sha256' | 'mime'>;

/** Read at once. */
const PART = 1024 * 1024;

function attributes({ mode, uid, gid, atimeNs, mtimeNs, ctimeNs, xattrs }: TarMember) {
  return { mode, uid, gid, atimeNs, mtimeNs, ctimeNs, ...(xattrs.length > 0 && { xattrs }) };
}

const isSorted = (before: Buffer | undefined, name: Buffer): boolean =>
  before === undefined || Buffer.compare(before, name) < 0;

const SLASH = '/';
const DOTS = Buffer.from('..');
const NO_NAME = Buffer.alloc(0);

/** The names in a member's path. */
function partsOf(path: Buffer): Buffer[] {
  return path
    .toString('latin1')
    .split(SLASH)
    .filter((part) => part !== '' && part !== '.')
    .map((part) => Buffer.from(part, 'latin1'));
}

/** A path, for maps of many: of 32 bytes, however long it is. */
const pathKey = (parts: readonly Buffer[]): string =>
  hash('sha256', parts.map((part) => part.toString('latin1')).join(SLASH), 'buffer').toString(
    'latin1',
  );

function foreign({ path }: TarMember): TaskfsError {
  return new TaskfsError(
    'failed',
    'the tar is not in the order in which taskfs writes: its member ' +
      `${JSON.stringify(path.toString())} is unexpected`,
    { hint: 'age and tar read it all the same.' },
  );
}
