import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ARCHIVE_DIRECTORY, ARCHIVE_SUBTYPE, SUBTYPE, storeOfSource } from '../driver.ts';

/** One line of /proc/self/mountinfo (proc(5)), as far as it concerns us. */
export interface MountEntry {
  readonly mountpoint: string;
  readonly type: string;
  readonly source: string;
  /** The minor number of its device: the name of its FUSE connection in /sys/fs/fuse/connections. */
  readonly minor: number;
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
    const [, , device, , mountpoint] = before?.split(' ') ?? [];
    const [type, source] = after?.split(' ') ?? [];
    if (!device || !mountpoint || !type || source === undefined) return [];
    return [
      {
        mountpoint: decodeOctal(mountpoint),
        type,
        source: decodeOctal(source),
        minor: Number(device.split(':')[1]),
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

/** All mounts of taskfs in this mount namespace. Reads a table of the kernel: touches no mount. */
export function taskfsMounts(): TaskfsMount[] {
  const entries = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  return entries.flatMap((entry) => {
    if (entry.type !== `fuse.${SUBTYPE}`) return [];
    const store = storeOfSource(entry.source);
    return store === undefined ? [] : [{ ...entry, store, archive: archiveIn(entry, entries) }];
  });
}

function archiveIn(mount: MountEntry, entries: readonly MountEntry[]): MountEntry | undefined {
  const place = join(mount.mountpoint, ARCHIVE_DIRECTORY);
  return entries.findLast(
    ({ type, mountpoint }) => type === `fuse.${ARCHIVE_SUBTYPE}` && mountpoint === place,
  );
}

/** The mount of taskfs on a directory, given by its canonical path. */
export function taskfsMountAt(mountpoint: string): TaskfsMount | undefined {
  return taskfsMounts().findLast((mount) => mount.mountpoint === mountpoint);
}
