import { spawn } from 'node:child_process';
import { encodeOctal } from '../sys/index.ts';
import { FUSERMOUNT } from './fusermount.ts';
import { allMounts } from './mountinfo.ts';

/** A process beside the server that takes the mount away should the server be killed. */
export interface Guard {
  /** The mount ended in order: the guard leaves without touching it. */
  dismiss(): void;
  /** The connection ended but the mount is still there, dead: it is taken away. */
  takeAway(): void;
}

// It waits for a line. The end of its input without one means that the server died: no kernel
// thread, signal or clean-up of the server's own has to work for this, also after kill -9. A
// session of its own keeps a Ctrl-C that the terminal sends to the whole group away from it.
// fusermount3's own auto_unmount does the same only for mounts that root may enter (allow_other).
// Only the very mount goes that was there at the start: another may lie over it by then.
const SCRIPT = `read -r _ && exit
while read -r id _ _ _ place _; do [ "$place" = "$2" ] && top=$id; done </proc/self/mountinfo
[ "$top" = "$3" ] || exit
${FUSERMOUNT} -uqz -- "$1" || umount -l -- "$1"`;

/** Guards the mount on a directory for as long as this process lives. */
export function guardMount(directory: string): Guard {
  const id = allMounts().findLast(({ mountpoint }) => mountpoint === directory)?.id ?? 0;
  const args = [directory, encodeOctal(directory), String(id)];
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'taskfs-guard', ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  child.unref();
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  return { dismiss: () => child.stdin.end('\n'), takeAway: () => child.stdin.end() };
}
