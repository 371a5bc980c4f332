import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHIVE_DIRECTORY, ARCHIVE_SUBTYPE, SUBTYPE, storeOfSource } from './source.ts';

/** One line of /proc/self/mountinfo (proc(5)), as far as it concerns us. */
export interface MountEntry {
  /** Of the mount, in this mount namespace. */
  readonly id: number;
  readonly mountpoint: string;
  readonly type: string;
  readonly source: string;
  /** The minor number of its device: the name of its FUSE connection in /sys/fs/fuse/connections. */
  readonly minor: number;
  /** What holds of this mount whatever its type: `ro`, `nosuid` and their like. */
  readonly options: readonly string[];
  /** Who mounted it: the kernel's word, as far as it is a FUSE mount. Type and source are theirs. */
  readonly owner: number | undefined;
}

/** A mount of taskfs, alive or not. */
export interface TaskfsMount extends MountEntry {
  /** The path of the store that it shows. */
  readonly store: string;
  /** The connection of its own that archive/ has inside of it, where it has one. */
  readonly archive: MountEntry | undefined;
}

/** Parses mountinfo. Where several mounts lie over one another, the topmost is the last. */
export function parseMountinfo(text: string): MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const [id, , device, , mountpoint, options = ''] = before?.split(' ') ?? [];
    const [type, source, ofType = ''] = after?.split(' ') ?? [];
    const owner = /(?:^|,)user_id=(\d+)/.exec(ofType)?.[1];
    if (!device || !mountpoint || !type || source === undefined) return [];
    return [
      {
        id: Number(id),
        mountpoint: decodeOctal(mountpoint),
        type,
        source: decodeOctal(source),
        minor: Number(device.split(':')[1]),
        options: options.split(','),
        owner: owner === undefined ? undefined : Number(owner),
      },
    ];
  });
}

/** The kernel writes blanks, line ends and backslashes as three octal digits, byte by byte. */
function decodeOctal(field: string): string {
  const bytes = Buffer.from(field);
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const octal = bytes[at] === BACKSLASH ? bytes.toString('latin1', at + 1, at + 4) : '';
    if (/^[0-7]{3}$/.test(octal)) {
      out.push(Number.parseInt(octal, 8));
      at += 3;
    } else {
      out.push(bytes[at] ?? 0);
    }
  }
  return Buffer.from(out).toString();
}

const BACKSLASH = 0x5c;

/** A path as the kernel writes it in mountinfo. */
export const encodeOctal = (path: string): string =>
  path.replace(/[ \t\n\\]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`);

/** Every mount of this mount namespace. Reads a table of the kernel: touches no mount. */
export const allMounts = (): MountEntry[] =>
  parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));

/**
 * The mounts of taskfs that this user made, in this mount namespace; root's are those that root made.
 * Those of others do not count, for a FUSE mount of anybody's may call itself ours and any store its
 * own: it is not asked for files, not touched and not taken away.
 */
export function taskfsMounts(): TaskfsMount[] {
  const own = process.getuid?.();
  const entries = allMounts().filter(({ owner }) => owner === own);
  return entries.flatMap((entry) => {
    if (!isTaskfs(entry)) return [];
    const store = storeOfSource(entry.source);
    return store === undefined ? [] : [{ ...entry, store, archive: archiveIn(entry, entries) }];
  });
}

/** Whether a mount calls itself one of taskfs, whoever made it. */
export const isTaskfs = ({ type }: MountEntry): boolean => type === `fuse.${SUBTYPE}`;

function archiveIn(mount: MountEntry, entries: readonly MountEntry[]): MountEntry | undefined {
  const place = join(mount.mountpoint, ARCHIVE_DIRECTORY);
  return entries.findLast(
    ({ type, mountpoint }) => type === `fuse.${ARCHIVE_SUBTYPE}` && mountpoint === place,
  );
}

/** The mount of taskfs that this user made on a directory, given by its canonical path. */
export function taskfsMountAt(mountpoint: string): TaskfsMount | undefined {
  return taskfsMounts().findLast((mount) => mount.mountpoint === mountpoint);
}
