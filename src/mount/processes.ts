import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { allMounts, type TaskfsMount } from './mountinfo.ts';

/**
 * What /proc shows of processes. One may have ended by any of these reads, or be another user's:
 * then there is nothing to see.
 */

/** The numbers of all processes, as their directories in /proc are named. */
export const processes = (): string[] => namesIn('/proc').filter((name) => /^\d+$/.test(name));

export function textOf(path: string, encoding: BufferEncoding = 'utf8'): string {
  try {
    return readFileSync(path, encoding);
  } catch {
    return '';
  }
}

export function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

export function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/**
 * Whether a program has a file of a mount open or mapped, or its working or root directory in it,
 * or something else is mounted in it; as far as /proc shows that, which is all of it as root.
 * Touches no mount.
 */
export const isInUse = (mount: TaskfsMount): boolean =>
  hasForeignMounts(mount) || processes().some((pid) => uses(pid, mount.mountpoint));

function hasForeignMounts({ id, archive, attached }: TaskfsMount): boolean {
  const own = new Set([id, ...[archive, ...attached].flatMap((one) => one?.id ?? [])]);
  return allMounts().some((entry) => own.has(entry.parent) && !own.has(entry.id));
}

function uses(pid: string, mountpoint: string): boolean {
  const at = `/proc/${pid}`;
  const isInside = (path: string): boolean =>
    path === mountpoint || path.startsWith(`${mountpoint}/`);
  return (
    isInside(linkAt(`${at}/cwd`)) ||
    isInside(linkAt(`${at}/root`)) ||
    namesIn(`${at}/fd`).some((fd) => isInside(linkAt(`${at}/fd/${fd}`))) ||
    textOf(`${at}/maps`).includes(` ${mountpoint}/`)
  );
}
