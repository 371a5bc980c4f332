import { TaskfsError } from '../../errors.ts';
import { MAX_PICTURE_BYTES, makeThumbnail } from '../../preview/index.ts';
import type { OpenFile } from './files.ts';

/** The longest side in pixels: a tile of the gallery on a dense screen. */
const SIDE = 360;
/** Thumbnails of some thousand pictures, in bytes. In memory only: a disk would keep plaintext. */
const MAX_KEPT = 32 * 1024 * 1024;

/** Thumbnails of what was asked for last. */
export class Thumbnails {
  private readonly kept = new Map<string, Buffer>();
  private bytes = 0;

  /** In WebP. Throws `usage` where the picture is too large, and as `makeThumbnail`. */
  async of(task: string, file: OpenFile): Promise<Buffer> {
    const { size, mtimeNs } = file.node.artifact;
    const key = `${task}/${file.path.toString('latin1')}/${size}/${mtimeNs}`;
    const known = this.kept.get(key);
    if (known) return known;
    if (size > MAX_PICTURE_BYTES) {
      throw new TaskfsError('usage', 'the picture is too large for a thumbnail');
    }
    const picture = Buffer.alloc(size);
    const made = await makeThumbnail(picture.subarray(0, readAll(file, picture)), SIDE);
    this.keep(key, made);
    return made;
  }

  private keep(key: string, made: Buffer): void {
    this.kept.set(key, made);
    this.bytes += made.length;
    for (const [oldest, { length }] of this.kept) {
      if (this.bytes <= MAX_KEPT) return;
      this.kept.delete(oldest);
      this.bytes -= length;
    }
  }
}

function readAll(file: OpenFile, into: Buffer): number {
  let at = 0;
  for (let got = -1; got !== 0; at += got) got = file.read(into.subarray(at), at);
  return at;
}
