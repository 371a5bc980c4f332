import type { NodeId } from '../../fs/index.ts';
import { namesOrNone, targetOrEmpty, textOrEmpty } from '../../sys/index.ts';

/**
 * Who watches a mount by inotify(7), from what the kernel says of each process
 * (proc_pid_fdinfo(5)): of processes that this one may look into, its user's own or, as root, all.
 * Nothing here touches a mount.
 */

/** Handles of FUSE: the node's number in two words, and its generation (FILEID_INO64_GEN). */
const WATCH = /^inotify wd:\w+ ino:\w+ sdev:(\w+) .*fhandle-type:81 f_handle:(\w{8})(\w{8})/gm;

/** The descriptors of a process or thread. Empty where it is gone or another user's. */
export const descriptorsOf = (pid: number): string[] => namesOrNone(`/proc/${pid}/fd`);

/** A watched node of a FUSE file system, which is given by its device number. */
export interface WatchedNode {
  readonly device: number;
  readonly node: NodeId;
}

/** What these descriptors watch by inotify of file systems with these device numbers. */
export function watchedNodes(
  pid: number,
  descriptors: readonly string[],
  devices: readonly number[],
): WatchedNode[] {
  const nodes: WatchedNode[] = [];
  for (const fd of descriptors.filter((each) => isInotify(pid, each))) {
    for (const [, sdev = '', high = '', low = ''] of fdinfo(pid, fd).matchAll(WATCH)) {
      const device = Number.parseInt(sdev, 16);
      if (!devices.includes(device)) continue;
      nodes.push({ device, node: wordOf(high) * 2 ** 32 + wordOf(low) });
    }
  }
  return nodes;
}

const isInotify = (pid: number, fd: string): boolean =>
  targetOrEmpty(`/proc/${pid}/fd/${fd}`) === 'anon_inode:inotify';

const fdinfo = (pid: number, fd: string): string =>
  textOrEmpty(`/proc/${pid}/fdinfo/${fd}`, 'latin1');

/** A word in the byte order of this machine, which is little-endian wherever Node runs. */
const wordOf = (hex: string): number => Buffer.from(hex, 'hex').readUInt32LE(0);

/** The process of a thread; undefined where it is gone. */
export function processOf(thread: number): number | undefined {
  const status = textOrEmpty(`/proc/${thread}/status`, 'latin1');
  return Number(/^Tgid:\t(\d+)/m.exec(status)?.[1]) || undefined;
}
