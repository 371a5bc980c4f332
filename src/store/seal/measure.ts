import type { OnLend } from './lent-modes.ts';
import { encodedOverhead } from './tar-header.ts';
import { TreeChanged, walk } from './walk.ts';

const SECTOR = 512n;

/** About how many bytes the tar of a tree will have, for progress. Nothing is opened but directories. */
export function treeBytes(top: string, onLend: OnLend): number {
  let bytes = 0;
  try {
    for (const { kind, stat } of walk(top, onLend)) {
      if (kind === 'leave') continue;
      const stored = stat.blocks * SECTOR < stat.size ? stat.blocks * SECTOR : stat.size;
      bytes += encodedOverhead + (kind === 'leaf' ? Number(stored) : 0);
    }
  } catch (error) {
    if (!(error instanceof TreeChanged)) throw error;
  }
  return bytes;
}
