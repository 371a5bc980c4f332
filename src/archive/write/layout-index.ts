import { typeOfMode } from '../../store/index.ts';
import type { CooperativeYield } from '../cooperative-yield.ts';
import type { IndexWriter, NewEntry } from '../index/writer.ts';
import { DIGEST } from './content-writer.ts';
import { hasContent, type LayoutEntry, tarLength } from './layout-entry.ts';
import type { TarLayout } from './tar-layout.ts';

/** What the index says of files beyond the layout. */
export interface FileFacts {
  /** SHA-256 of each file's stored bytes, one after the other. */
  readonly digests: Uint8Array;
  readonly mimeOf: (name: string) => string | null;
}

/** Writes the index of a tar from its layout, once the contents were read. */
export async function writeIndex(
  layout: TarLayout,
  index: IndexWriter,
  { digests, mimeOf }: FileFacts,
  pause: CooperativeYield,
): Promise<void> {
  /** Lines of files with several names, by the number of their first entry. */
  const positions = new Map<number, number>();
  const open: NewEntry[] = [];
  let number = -1;
  let at = 0;
  let file = 0;
  for (const { entry } of layout.log.read()) {
    await pause.ifDue();
    number++;
    if (entry.kind === 'enter') {
      open.push(lineOf(lasting(entry)));
      index.enter();
    } else if (entry.kind === 'leave') {
      const directory = open.pop();
      if (directory) index.leave(directory);
    } else if (entry.link) {
      index.addLink(Buffer.from(entry.name), positions.get(entry.link.number) ?? 0);
    } else {
      const content = hasContent(entry) && {
        offset: at + entry.headerLength,
        sha256: hexOf(digests, file++),
        ...withMime(mimeOf(entry.name.toString('latin1'))),
      };
      const position = index.add({ ...lineOf(entry), ...content });
      if (entry.stat.nlink > 1) positions.set(number, position);
    }
    at += tarLength(entry);
  }
}

const withMime = (mime: string | null): { mime?: string } => (mime === null ? {} : { mime });

function hexOf(digests: Uint8Array, file: number): string {
  const { buffer, byteOffset } = digests;
  return Buffer.from(buffer, byteOffset + file * DIGEST, DIGEST).toString('hex');
}

/**
 * The name of an entry is valid until the next is read; the line of a directory is written later.
 */
const lasting = (entry: LayoutEntry): LayoutEntry => ({ ...entry, name: Buffer.from(entry.name) });

function lineOf({ name, stat, target, extents, xattrs }: LayoutEntry): NewEntry {
  const { mode, uid, gid, nlink, atimeNs, mtimeNs, ctimeNs } = stat;
  const type = typeOfMode(mode);
  return {
    name,
    type,
    mode: mode & 0o7777,
    uid,
    gid,
    size: target?.length ?? (type === 'file' ? stat.size : 0),
    nlink,
    atimeNs,
    mtimeNs,
    ctimeNs,
    ...(target && { target }),
    ...(extents && { extents }),
    ...(xattrs && { xattrs }),
  };
}
