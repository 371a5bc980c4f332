import type { NodeId } from '../fs/index.ts';

/**
 * For how long (milliseconds) the kernel keeps pages of a file that others may be writing to by a
 * mapping: long enough for its reader to have them, and for what is read ahead to be of use.
 */
const KEPT_MS = 10;

/** Drops the pages of files that change while they are read. */
export class ChangingPages {
  private readonly drop: (node: NodeId) => void;
  /** By node, whether it was read since the timer began: then once more. */
  private readonly due = new Map<NodeId, { again: boolean; readonly timer: NodeJS.Timeout }>();

  constructor(drop: (node: NodeId) => void) {
    this.drop = drop;
  }

  /** The node is being read: the answer may be on its way yet. */
  wasRead(node: NodeId): void {
    const waiting = this.due.get(node);
    if (waiting) waiting.again = true;
    else this.schedule(node);
  }

  private schedule(node: NodeId): void {
    const timer = setTimeout(() => {
      const again = this.due.get(node)?.again;
      this.due.delete(node);
      this.drop(node);
      if (again) this.schedule(node);
    }, KEPT_MS);
    this.due.set(node, { again: false, timer });
  }

  close(): void {
    for (const { timer } of this.due.values()) clearTimeout(timer);
    this.due.clear();
  }
}
