import { Errno, errno } from '../errno.ts';
import type { TaskName } from '../store/index.ts';
import { SLOTS } from './node-ids.ts';

/** Which task, and which of its incarnations: a removed task's name may be used again. */
export interface SlotOwner {
  readonly task: TaskName;
  /** The inode number of what stood for it when it was seen first. */
  readonly ino: bigint;
}

/** Short numbers for tasks, given at first sight and kept: the part of a node number that says which task. */
export class TaskSlots {
  private readonly owners: SlotOwner[] = [];
  private readonly slots = new Map<string, number>();

  /** Throws ENFILE once more tasks were seen than numbers exist. */
  slotOf(task: TaskName, ino: bigint): number {
    const key = `${task}/${ino}`;
    const known = this.slots.get(key);
    if (known !== undefined) return known;
    const slot = this.owners.length;
    if (slot >= SLOTS) throw Errno.of(errno.ENFILE);
    this.owners.push({ task, ino });
    this.slots.set(key, slot);
    return slot;
  }

  /** Throws ESTALE for a number that was never given. */
  ownerOf(slot: number): SlotOwner {
    const owner = this.owners[slot];
    if (owner === undefined) throw Errno.of(errno.ESTALE);
    return owner;
  }
}
