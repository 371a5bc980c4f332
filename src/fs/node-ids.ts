import { Errno, errno } from '../errno.ts';
import type { TaskName } from '../store/index.ts';
import { type NodeId, ROOT } from './file-system.ts';

/**
 * How the node numbers are shared out. The four top directories are fixed; live nodes are counted
 * up as they are met; a log's and an archived entry's number says all that is needed to find it
 * again, so that these cost no memory however many of them a `find` walks.
 *
 *     1 root, 2 live/, 3 archive/, 4 logs/
 *     16 … 2^50                 live nodes
 *     2^50 + slot               logs/<task>.log
 *     2^50 + 2^49 + day         archive/<day>, where tasks are grouped; days since 1970
 *     2^50 + 2^49 + 2^48 + slot archive/<task>, a link to it there
 *     2^51 + slot               archive/<task>
 *     2^52 + slot × 2^36 + pos  what lies in archive/<task>: its entry's position in the index
 *
 * A slot stands for a task's name for as long as the mount lives.
 */
export const TOP = { root: ROOT, live: 2, archive: 3, logs: 4 } as const;

export const FIRST_LIVE = 16;
const LOGS = 2 ** 50;
const DAYS = LOGS + 2 ** 49;
const TASK_LINKS = DAYS + 2 ** 48;
const ARCHIVES = 2 ** 51;
const ENTRIES = 2 ** 52;
const POSITIONS = 2 ** 36;
const SLOTS = 2 ** 16;

export const isLive = (node: NodeId): boolean => node >= FIRST_LIVE && node < LOGS;
export const isLog = (node: NodeId): boolean => node >= LOGS && node < DAYS;
export const isDay = (node: NodeId): boolean => node >= DAYS && node < TASK_LINKS;
export const isTaskLink = (node: NodeId): boolean => node >= TASK_LINKS && node < ARCHIVES;
/** archive/<task>, and everything below. */
export const isArchive = (node: NodeId): boolean => node >= ARCHIVES;

export const logNode = (slot: number): NodeId => LOGS + slot;
export const logSlot = (node: NodeId): number => node - LOGS;
export const dayNode = (day: number): NodeId => DAYS + day;
export const dayOf = (node: NodeId): number => node - DAYS;
export const taskLinkNode = (slot: number): NodeId => TASK_LINKS + slot;
export const taskLinkSlot = (node: NodeId): number => node - TASK_LINKS;
export const archiveNode = (slot: number): NodeId => ARCHIVES + slot;

export const archivedNode = (slot: number, position: number): NodeId =>
  ENTRIES + slot * POSITIONS + position;

/**
 * The slot of any node of the archive, and its index position; undefined for archive/<task>
 * itself.
 */
export function archivePlace(node: NodeId): { slot: number; position: number | undefined } {
  if (node < ENTRIES) return { slot: node - ARCHIVES, position: undefined };
  const within = node - ENTRIES;
  return { slot: Math.floor(within / POSITIONS), position: within % POSITIONS };
}

/**
 * The inode number that programs see for nodes that have no file beneath them: out of the range
 * that file systems count in, so that it never equals a live file's.
 */
export const inoOf = (node: NodeId): bigint => BigInt(node) + (1n << 62n);

/** The same in two words of 32 bits. */
export const inoHighOf = (node: NodeId): number => Math.floor(node / 2 ** 32) + 2 ** 30;
export const inoLowOf = (node: NodeId): number => node % 2 ** 32;

/** Which task, and which of its incarnations: a removed task's name may be used again. */
export interface SlotOwner {
  readonly task: TaskName;
  /** The inode number of what stood for it when it was seen first. */
  readonly ino: bigint;
}

/**
 * Short numbers for tasks, given at first sight and kept: the part of a node number that says
 * which task.
 */
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

  /** The slot of the incarnation that was seen last; undefined where none was. */
  lastOf(task: string): number | undefined {
    const slot = this.owners.findLastIndex((owner) => owner.task === task);
    return slot === -1 ? undefined : slot;
  }

  /** Throws ESTALE for a number that was never given. */
  ownerOf(slot: number): SlotOwner {
    const owner = this.owners[slot];
    if (owner === undefined) throw Errno.of(errno.ESTALE);
    return owner;
  }
}
