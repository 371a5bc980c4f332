import type { TaskName } from '../../store/index.ts';
import { Errno, errno, S_IFMT, type Stat } from '../../sys/index.ts';
import type { NodeId } from '../filesystem.ts';
import { FIRST_LIVE } from '../node-ids.ts';
import { type Inode, isSame, nameText } from './inode.ts';

/** Inode numbers as numbers: 200,000 bigints or strings would cost more than what they point at. */
type Key = number | bigint;
const keyOf = (ino: bigint): Key => (ino <= Number.MAX_SAFE_INTEGER ? Number(ino) : ino);

/** All inodes that the kernel knows, by node number and by the file beneath. */
export class InodeTable {
  private readonly byId = new Map<NodeId, Inode>();
  private readonly byFile = new Map<TaskName, Map<Key, Inode>>();
  private readonly onForget: (inode: Inode) => void;
  private next: NodeId = FIRST_LIVE;

  constructor(onForget: (inode: Inode) => void) {
    this.onForget = onForget;
  }

  /** Throws ESTALE for a number that was forgotten or never given. */
  get(id: NodeId): Inode {
    const inode = this.byId.get(id);
    if (inode === undefined) throw Errno.of(errno.ESTALE);
    return inode;
  }

  /** The inode of what stat told of, if it is known. `target`: of a symlink, where it was read. */
  find(task: TaskName, stat: Stat, target?: string): Inode | undefined {
    const inode = this.byFile.get(task)?.get(keyOf(stat.ino));
    if (!inode || !isSame(inode, stat)) return undefined;
    return target === undefined || inode.target === target ? inode : undefined;
  }

  /** The inode of what was just seen as `name` in `parent`, known already or new; counts one lookup. */
  meet(
    task: TaskName,
    parent: Inode | undefined,
    name: Uint8Array,
    stat: Stat,
    target?: string,
  ): Inode {
    const inode = this.find(task, stat, target) ?? this.add(task, stat, target);
    this.place(inode, parent, nameText(name));
    inode.lookups++;
    return inode;
  }

  private add(task: TaskName, stat: Stat, target: string | undefined): Inode {
    const inode: Inode = {
      id: this.next++,
      task,
      dev: stat.dev,
      ino: stat.ino,
      type: stat.mode & S_IFMT,
      target,
      parent: undefined,
      name: '',
      lookups: 0,
      children: 0,
      files: undefined,
      locks: undefined,
    };
    this.byId.set(inode.id, inode);
    this.filesOf(task).set(keyOf(stat.ino), inode);
    return inode;
  }

  private filesOf(task: TaskName): Map<Key, Inode> {
    const known = this.byFile.get(task);
    if (known) return known;
    const made = new Map<Key, Inode>();
    this.byFile.set(task, made);
    return made;
  }

  /** Notes where an inode was last seen. */
  place(inode: Inode, parent: Inode | undefined, name: string): void {
    if (inode.name !== name) inode.name = name;
    if (inode.parent === parent) return;
    const before = inode.parent;
    if (parent) parent.children++;
    inode.parent = parent;
    if (before) this.dropChild(before);
  }

  forget(id: NodeId, count: number): void {
    const inode = this.byId.get(id);
    if (!inode) return;
    inode.lookups -= count;
    this.removeIfUnused(inode);
  }

  private dropChild(parent: Inode): void {
    parent.children--;
    this.removeIfUnused(parent);
  }

  // A directory stays for as long as something below it is known: its descendants are found through it.
  private removeIfUnused(inode: Inode): void {
    if (inode.lookups > 0 || inode.children > 0) return;
    this.byId.delete(inode.id);
    this.removeFile(inode);
    this.onForget(inode);
    const { parent } = inode;
    inode.parent = undefined;
    if (parent) this.dropChild(parent);
  }

  private removeFile(inode: Inode): void {
    const files = this.byFile.get(inode.task);
    const key = keyOf(inode.ino);
    if (files?.get(key) !== inode) return;
    files.delete(key);
    if (files.size === 0) this.byFile.delete(inode.task);
  }
}
