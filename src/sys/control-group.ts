import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readMountinfo } from './mountinfo.ts';

/**
 * The control groups of this process. Source: the kernel's documentation of cgroup v2, and of
 * cgroup v1, where each controller may have a tree of its own.
 */

/** Its directory in cgroup v2; undefined where there is none, or not all of it is to be seen. */
export function ownControlGroup(): string | undefined {
  try {
    const mount = readMountinfo('self').find(({ type }) => type === 'cgroup2');
    const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
    if (mount?.root.toString() !== '/' || own === undefined) return undefined;
    return join(mount.mountpoint.toString(), own);
  } catch {
    return undefined;
  }
}

/** Its directories in the trees of cgroup v1, by controller: `memory`, `cpu`, `pids`, …. */
export function ownControllerGroups(): ReadonlyMap<string, string> {
  const trees = readMountinfo('self').filter(({ type }) => type === 'cgroup');
  const groups = new Map<string, string>();
  for (const line of readFileSync('/proc/self/cgroup', 'utf8').split('\n')) {
    const [, controllers = '', own = ''] = /^\d+:([^:]+):(.*)$/.exec(line) ?? [];
    for (const controller of controllers.split(',')) {
      const tree = trees.find(({ superOptions }) => superOptions.includes(controller));
      if (tree === undefined) continue;
      const below = relative(tree.root.toString(), own);
      if (!below.startsWith('..')) groups.set(controller, join(tree.mountpoint.toString(), below));
    }
  }
  return groups;
}

/** Moves this process into a group; what it starts from then on begins there. Takes some 10 ms. */
export const enterControlGroup = (directory: string): void =>
  moveToControlGroup(directory, process.pid);

/** Moves a process into a group, with its threads. */
export function moveToControlGroup(directory: string, pid: number): void {
  writeFileSync(join(directory, 'cgroup.procs'), String(pid));
}
