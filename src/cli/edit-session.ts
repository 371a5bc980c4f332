import { lstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EditCopy, Saved } from '../artifacts/index.ts';

/** How often the copy and the task are looked at, in milliseconds. */
const LOOK_MS = 300;

/** What a person has to hear of while a file is being edited. */
export interface EditNews {
  /** The task has ended: what is saved from now on is kept in the copy. */
  ended(): void;
  /** What was saved is not where it was meant to go. */
  kept(saved: KeptEdit): void;
}

export type KeptEdit = Extract<Saved, { kind: 'kept' }>;

/**
 * Hands each save of an editor with a window on to the task, until `closed`, and tells what the
 * person cannot see in the window. Returns what became of the last thing that was not written
 * back, else of the last save.
 */
export async function followEdit(
  copy: EditCopy,
  closed: Promise<unknown>,
  news: EditNews,
): Promise<Saved> {
  let kept: KeptEdit | undefined;
  let wasLive = true;
  let seen = versionOf(copy);
  let handled = seen;
  const handle = (): Saved => {
    const saved = copy.save();
    if (saved.kind !== 'kept') return saved;
    if (saved.where !== kept?.where) news.kept(saved);
    kept = saved;
    return saved;
  };
  const isClosed = closed.then(() => true);
  while (!(await Promise.race([isClosed, sleep(LOOK_MS, false)]))) {
    const now = versionOf(copy);
    // An editor that is still writing is left to end.
    if (now === seen && now !== handled) {
      handled = now;
      handle();
    }
    seen = now;
    if (wasLive && !copy.isLive()) {
      wasLive = false;
      news.ended();
    }
  }
  const last = handle();
  return kept ?? last;
}

/** Names the content of the copy at one time, whichever file holds it. */
function versionOf({ path }: EditCopy): string {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats ? `${stats.ino} ${stats.size} ${stats.mtimeNs}` : '';
}
