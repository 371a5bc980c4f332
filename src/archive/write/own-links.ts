import { join } from './directory-cursor.ts';
import type { PlanLog } from './layout-log.ts';

/** A symlink that leads by an absolute path to the task's own files, where they are no more once sealed. */
export interface OwnLink {
  /** From the top, as text. */
  readonly path: string;
  readonly target: string;
}

/** As many are told by name. */
const MAX_TOLD = 20;

/**
 * Finds the links of a planned tree that lead to one of `tops`: the absolute paths by which the task
 * knew the top of its files. The first of them.
 */
export function findOwnLinks(log: PlanLog, tops: readonly string[]): OwnLink[] {
  const found: OwnLink[] = [];
  const directories: Buffer[] = [];
  for (const { entry } of log.read()) {
    const above = directories.at(-1) ?? Buffer.alloc(0);
    if (entry.kind === 'enter') directories.push(Buffer.from(join(above, entry.name)));
    else if (entry.kind === 'leave') directories.pop();
    else if (entry.target && isIn(entry.target.toString(), tops)) {
      found.push({ path: join(above, entry.name).toString(), target: entry.target.toString() });
      if (found.length === MAX_TOLD) break;
    }
  }
  return found;
}

const isIn = (target: string, tops: readonly string[]): boolean =>
  tops.some((top) => target === top || target.startsWith(`${top}/`));
