import type { InotifyEvent } from '../../sys/index.ts';

/** A directory in which nothing changed for so long (milliseconds) is quiet. */
const QUIET_MS = 1500;
/** For how long (milliseconds) the kernel may cache names of quiet directories. */
export const LEASE_MS = 30_000;
/** So many changes in a row by the mount alone say that nobody else is at work in a directory. */
const ALONE = 64;
/** So many leased names are remembered, to be revoked all at once. */
const COUNTED = 64;
/** The directory cannot be watched: it is never quiet. */
export const UNWATCHABLE = -1;

/** Hears of the changes in a directory, and whether the mount made them itself. */
export type Observer = (event: InotifyEvent, isOwn: boolean) => void;

/** What is known of a directory: when it changed, and what the kernel may cache of it. */
export interface WatchedDirectory {
  /** Of its inotify watch. */
  readonly id: number;
  /** When anything but the mount changed it last, or may have. */
  changedAt: number;
  /** The mount's own changes since then, and when the last of them was. */
  own: number;
  ownAt: number;
  /** When the last lease ends, and the leased names; undefined: too many to remember. */
  leasedUntil: number;
  leased: Set<string> | undefined;
  /** Names whose leases were revoked since the last one was given. */
  readonly revoked: Set<string>;
  /** Whether its file system has no other side, whose changes would not be reported. */
  readonly isLocal: boolean;
  /** Whether opens are reported as well. */
  seesOpens: boolean;
  observer: Observer | undefined;
  /** When somebody else's change was reported last. */
  reportedAt: number;
  /** When somebody else was last known to have removed, moved or replaced a name. */
  namesChangedAt: number;
}

/** What happened before it was watched is not known: it counts as changed just now. */
export const newlyWatched = (id: number, isLocal: boolean): WatchedDirectory => ({
  id,
  changedAt: Date.now(),
  own: 0,
  ownAt: 0,
  leasedUntil: 0,
  leased: undefined,
  revoked: new Set(),
  isLocal,
  seesOpens: false,
  observer: undefined,
  reportedAt: 0,
  namesChangedAt: 0,
});

/** Whether a change would be reported, and none came for a while. */
export const isQuiet = (
  { id, isLocal, own, ownAt, changedAt }: WatchedDirectory,
  now = Date.now(),
): boolean => id >= 0 && isLocal && (own >= ALONE || now - Math.max(ownAt, changedAt) >= QUIET_MS);

/** Whether somebody else has removed, moved or replaced names in it until a short while ago. */
export const areNamesChanging = ({ namesChangedAt }: WatchedDirectory, now = Date.now()): boolean =>
  now - namesChangedAt < QUIET_MS;

/** The mount has changed a name. */
export function noteOwnChange(directory: WatchedDirectory): void {
  directory.ownAt = Date.now();
  directory.own++;
}

/** Somebody else has changed something, or may have. */
export function noteForeignChange(directory: WatchedDirectory, now: number): void {
  directory.changedAt = now;
  directory.own = 0;
}

/** Leases a name from `now` on. */
export function addLease(directory: WatchedDirectory, name: string, now: number): void {
  if (now >= directory.leasedUntil) directory.leased = new Set();
  directory.leasedUntil = now + LEASE_MS;
  directory.leased?.add(name);
  if (directory.leased && directory.leased.size > COUNTED) directory.leased = undefined;
  if (directory.revoked.size > 0) directory.revoked.clear();
}

/**
 * Ends the leases in a directory of which a name has changed. Returns the names that the kernel is
 * to forget: where they are remembered, all that are leased.
 */
export function revokeLeases(directory: WatchedDirectory, name: string): readonly string[] {
  const { changedAt, leasedUntil, leased, revoked } = directory;
  if (changedAt >= leasedUntil) {
    endLeases(directory);
    return [];
  }
  if (leased) {
    leased.add(name);
    endLeases(directory);
    return [...leased];
  }
  if (revoked.has(name)) return [];
  revoked.add(name);
  return [name];
}

/** Nothing of it is leased any more. */
function endLeases(directory: WatchedDirectory): void {
  directory.leasedUntil = 0;
  directory.leased = undefined;
  directory.revoked.clear();
}
