import { Errno, errno } from '../errno.ts';
import { type Caller, type FileSystem, type NodeId, ROOT } from '../fs/index.ts';

/** How many nodes keep their references between operations. */
const KEPT = 4096;
const REPLACEMENT = '\uFFFD';

/** Where a path's last name lies. */
export interface Place {
  readonly parent: NodeId;
  readonly name: Buffer;
}

/**
 * From libfuse's paths to nodes, name by name from the root at each operation: what a name means
 * may change beneath at any time. The nodes used last keep their references, so that the file
 * system need not open their directories again and again; the oldest are forgotten.
 */
export class Paths {
  private readonly fileSystem: FileSystem;
  private readonly caller: Caller;
  /** References held, in order of use. */
  private readonly kept = new Map<NodeId, number>();

  constructor(fileSystem: FileSystem, caller: Caller) {
    this.fileSystem = fileSystem;
    this.caller = caller;
  }

  node(path: string): NodeId {
    return namesOf(path).reduce((node, name) => this.step(node, this.rawName(node, name)), ROOT);
  }

  place(path: string): Place {
    const names = namesOf(path);
    const last = names.pop();
    if (last === undefined) throw Errno.of(errno.EBUSY);
    const parent = names.reduce((node, name) => this.step(node, this.rawName(node, name)), ROOT);
    return { parent, name: this.rawName(parent, last) };
  }

  /** Takes over one reference that the file system gave. */
  keep(node: NodeId): void {
    const references = this.kept.get(node) ?? 0;
    this.kept.delete(node);
    this.kept.set(node, references + 1);
  }

  /** Forgets the oldest; to be called between operations. */
  trim(): void {
    for (const [node, references] of this.kept) {
      if (this.kept.size <= KEPT) return;
      this.kept.delete(node);
      this.fileSystem.forget(node, references);
    }
  }

  private step(parent: NodeId, name: Buffer): NodeId {
    const found = this.fileSystem.lookup(parent, name, this.caller);
    if (!found) throw Errno.of(errno.ENOENT);
    this.keep(found.node);
    return found.node;
  }

  // libfuse's names come as text, in which bytes that are not UTF-8 were replaced. A name with the
  // replacement character is searched for among the names that read like it.
  private rawName(parent: NodeId, text: string): Buffer {
    const plain = Buffer.from(text);
    if (!text.includes(REPLACEMENT)) return plain;
    const handle = this.fileSystem.opendir(parent, this.caller);
    try {
      let found: Buffer | undefined;
      this.fileSystem.readdir(handle, 0n, ({ name }) => {
        if (Buffer.from(name).toString() === text) found = Buffer.from(name);
        return found === undefined;
      });
      return found ?? plain;
    } finally {
      this.fileSystem.releasedir(handle);
    }
  }
}

const namesOf = (path: string): string[] => path.split('/').filter((name) => name !== '');
