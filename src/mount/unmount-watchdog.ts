import { encodeOctal } from '../sys/index.ts';
import { FUSERMOUNT } from './fusermount.ts';
import { mountAt } from './mountinfo.ts';

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
const WAIT = `read -r _ && exit
while read -r id _ dev _ place _; do
  [ "$place" = "$2" ] && top=$id device=$dev
done </proc/self/mountinfo
`;
const UNMOUNT = `[ "$top" = "$3" ] || exit
${FUSERMOUNT} -uqz -- "$1" || umount -l -- "$1"`;

/**
 * FUSE_NOTIFY_INVAL_ENTRY (linux/fuse.h) for `live` in the root, as printf(1) takes it: the
 * kernel unmounts what is mounted beneath that name, in every mount namespace.
 */
const FORGET_LIVE =
  String.raw`\45\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0` +
  String.raw`\1\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0live\0`;

// The connection is aborted first: it does not end by itself while this process has it open, and a
// request that nobody answers could hold the lock that the notification needs.
const DETACH = `if [ "$top" != "$3" ] ||
  echo 1 >"/sys/fs/fuse/connections/\${device#*:}/abort"; then
  printf '${FORGET_LIVE}' >&3
fi
exec 3>&-
`;

/**
 * Starts the watchdog of the mount on a directory, which this process serves. Given the
 * connection's descriptor, it also unmounts what is mounted beneath `live`, in copies of the mount
 * in other mount namespaces as well.
 */
export function startUnmountWatchdog(directory: string, device?: number): UnmountWatchdog {
  const id = mountAt(directory)?.id ?? 0;
  const script = device === undefined ? WAIT + UNMOUNT : WAIT + DETACH + UNMOUNT;
  const args = [directory, encodeOctal(directory), String(id)];
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child = spawn('/bin/sh', ['-c', script, 'taskfs-unmount-watchdog', ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore', ...(device === undefined ? [] : [device])],
    cwd: '/',
  });
  child.unref();
  child.on('error', () => {});
  child.stdin?.on('error', () => {});
  return { dismiss: () => void child.stdin?.end('\n'), unmount: () => void child.stdin?.end() };
}
