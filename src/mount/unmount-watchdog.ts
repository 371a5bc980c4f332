import { spawn } from 'node:child_process';
import { encodeOctal } from '../sys/index.ts';
import { FUSERMOUNT } from './fusermount.ts';
import { allMounts } from './mountinfo.ts';

/** A process beside the server that unmounts should the server be killed. */
export interface UnmountWatchdog {
  /** The mount was unmounted in order: the watchdog ends without touching it. */
  dismiss(): void;
  /** The connection ended but the mount is still there, dead: it is unmounted. */
  unmount(): void;
}

// It waits for a line. The end of its input without one means that the server died, also by kill
// -9: nothing of the server's own has to run for this. In a session of its own it does not get the
// Ctrl-C that a terminal sends to the whole group. fusermount3's own auto_unmount does the same
// only for mounts that root may enter (allow_other). Only the very mount is unmounted that was
// there at the start: another may lie over it by then.
const SCRIPT = `read -r _ && exit
while read -r id _ _ _ place _; do [ "$place" = "$2" ] && top=$id; done </proc/self/mountinfo
[ "$top" = "$3" ] || exit
${FUSERMOUNT} -uqz -- "$1" || umount -l -- "$1"`;

/** Starts the watchdog of the mount on a directory, which this process serves. */
export function startUnmountWatchdog(directory: string): UnmountWatchdog {
  const id = allMounts().findLast(({ mountpoint }) => mountpoint === directory)?.id ?? 0;
  const args = [directory, encodeOctal(directory), String(id)];
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'taskfs-unmount-watchdog', ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  child.unref();
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  return { dismiss: () => child.stdin.end('\n'), unmount: () => child.stdin.end() };
}
