import { namesOrNone, targetOrEmpty, textOrEmpty } from '../sys/index.ts';
import { allMounts, type TaskfsMount } from './mountinfo.ts';

/** The numbers of all processes, as their directories in /proc are named. */
export const processes = (): string[] => namesOrNone('/proc').filter((name) => /^\d+$/.test(name));

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
    isInside(targetOrEmpty(`${at}/cwd`)) ||
    isInside(targetOrEmpty(`${at}/root`)) ||
    namesOrNone(`${at}/fd`).some((fd) => isInside(targetOrEmpty(`${at}/fd/${fd}`))) ||
    textOrEmpty(`${at}/maps`).includes(` ${mountpoint}/`)
  );
}
