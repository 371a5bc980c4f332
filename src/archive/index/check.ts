import { openDecrypted } from '../../age/index.ts';
import { TaskfsError } from '../../errors.ts';
import type { Extent } from '../../tar/index.ts';
import type { CooperativeYield } from '../cooperative-yield.ts';
import { type IndexEntry, storedLength } from './entry.ts';
import { IndexReader } from './reader.ts';

/** A directory that is being checked. */
interface Level {
  readonly section: Extent;
  at: number;
  before: Buffer | undefined;
}

/**
 * Checks a whole index the way a reader looks names up: from the top, each directory's section,
 * each line decoded, each hard link resolved. Names in strictly ascending order are all found by
 * bisection. `tarBytes`: what contents must lie within. Returns how many names there are, the
 * top's included. Throws `damaged`.
 */
export async function checkIndex(
  path: string,
  fileKey: Uint8Array,
  tarBytes: number,
  pause: CooperativeYield,
): Promise<number> {
  const file = openDecrypted(path, fileKey);
  try {
    const index = new IndexReader(file);
    const levels: Level[] = [levelOf(index.root())];
    let names = 1;
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      await pause.ifDue();
      const { section } = level;
      if (level.at >= section.start + section.length) {
        levels.pop();
        continue;
      }
      const position = level.at;
      const { decoded, next } = index.line(position);
      const entry = index.resolve(decoded, position);
      if (level.before && Buffer.compare(level.before, entry.name) >= 0) throw unreadable(position);
      if (entry.type === 'file' && (entry.offset ?? 0) + storedLength(entry) > tarBytes) {
        throw unreadable(position);
      }
      level.at = next;
      level.before = entry.name;
      names++;
      if (entry.type === 'directory') levels.push(levelOf(entry));
    }
    return names;
  } finally {
    file.close();
  }
}

function levelOf({ section = { start: 0, length: 0 } }: IndexEntry): Level {
  return { section, at: section.start, before: undefined };
}

const unreadable = (position: number): TaskfsError =>
  new TaskfsError('damaged', `the index cannot be looked up at byte ${position}`);
