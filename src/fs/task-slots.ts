import type { TaskName } from '../store/index.ts';
import { Errno, errno } from '../sys/index.ts';
import { SLOTS } from './node-ids.ts';

/** Short numbers for task names, given at first sight and kept: the part of a node number that says which task. */
export class TaskSlots {
  private readonly names: TaskName[] = [];
  private readonly slots = new Map<TaskName, number>();

  /** Throws ENFILE once more tasks were seen than numbers exist. */
  slotOf(task: TaskName): number {
    const known = this.slots.get(task);
    if (known !== undefined) return known;
    const slot = this.names.length;
    if (slot >= SLOTS) throw Errno.of(errno.ENFILE);
    this.names.push(task);
    this.slots.set(task, slot);
    return slot;
  }

  /** Throws ESTALE for a number that was never given. */
  nameOf(slot: number): TaskName {
    const name = this.names[slot];
    if (name === undefined) throw Errno.of(errno.ESTALE);
    return name;
  }
}
