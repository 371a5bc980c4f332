import { closeSync, readFileSync } from 'node:fs';
import { Errno, errno } from '../errno.ts';
import type { NodeId } from '../fs/index.ts';
import { AT, O_TMPFILE, openAt } from '../sys/index.ts';
import { IOC_BACKING_CLOSE, IOC_BACKING_OPEN } from './protocol/constants.ts';
import { backingMap } from './protocol/structs.ts';

/** The ioctl(2) on /dev/fuse that this needs; returns its result or throws the Errno. */
export type Ioctl = (request: number, argument: Uint8Array) => number;

interface Backing {
  readonly id: number;
  opens: number;
}

/**
 * Kernel passthrough (Linux 6.9 and later): the kernel knows the real file behind an open one by a
 * backing id and then reads, writes and maps it without asking. All opens of a node share one id;
 * it is closed with the last of them, so that the kernel pins no file that nobody uses.
 */
export class BackingIds {
  private readonly ioctl: Ioctl;
  private readonly byNode = new Map<NodeId, Backing>();
  private readonly map = Buffer.alloc(backingMap.size);
  private readonly id = Buffer.alloc(4);
  /** Why files are read and written through requests; undefined while passthrough works. */
  offBecause: string | undefined;

  constructor(ioctl: Ioctl, offBecause: string | undefined) {
    this.ioctl = ioctl;
    this.offBecause = offBecause;
  }

  /** How many ids the kernel holds for us. */
  get size(): number {
    return this.byNode.size;
  }

  /**
   * Counts an open of `node`, whose real file is `fd`; returns its backing id, if there is one.
   */
  acquire(node: NodeId, fd: number): number | undefined {
    const known = this.byNode.get(node);
    if (known) {
      known.opens++;
      return known.id;
    }
    if (this.offBecause !== undefined) return undefined;
    const id = this.open(fd);
    if (id !== undefined) this.byNode.set(node, { id, opens: 1 });
    return id;
  }

  /** Counts an open of `node` less. */
  release(node: NodeId): void {
    const known = this.byNode.get(node);
    if (!known || --known.opens > 0) return;
    this.byNode.delete(node);
    this.close(known.id);
  }

  /** Tries with a regular file whether the kernel allows it; records why not. */
  probe(fd: number): void {
    const id = this.open(fd);
    if (id !== undefined) this.close(id);
  }

  private open(fd: number): number | undefined {
    this.map.writeInt32LE(fd, backingMap.at.fd);
    try {
      return this.ioctl(IOC_BACKING_OPEN, this.map);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      this.offBecause = reasonOf(error);
      return undefined;
    }
  }

  private close(id: number): void {
    this.id.writeInt32LE(id);
    this.ioctl(IOC_BACKING_CLOSE, this.id);
  }
}

function reasonOf(refusal: Errno): string {
  if (refusal.errno === errno.EPERM)
    return 'it needs CAP_SYS_ADMIN (root), which this server has not';
  if (refusal.errno === errno.ELOOP) return 'the store lies on too many stacked file systems';
  return `the kernel refused a backing file (${refusal.code})`;
}

const O_RDWR = 2;

/**
 * Tries passthrough with a nameless file in the directory where live files lie, so that a mount
 * can say at once whether it works. Where no such file can be made, the first open shows it.
 */
export function probePassthrough(backing: BackingIds, directory: string): void {
  if (backing.offBecause !== undefined) return;
  let fd: number;
  try {
    fd = openAt(AT.FDCWD, directory, O_TMPFILE | O_RDWR, 0o600);
  } catch (error) {
    if (error instanceof Errno) return;
    throw error;
  }
  try {
    backing.probe(fd);
  } finally {
    closeSync(fd);
  }
}

const WHOLE_MACHINE = /^\s*0\s+0\s+4294967295\s*$/;

/**
 * Whether the kernel lets this process pass files through: root, but not that of a user namespace.
 */
export function mayPassThrough(): boolean {
  if (process.geteuid?.() !== 0) return false;
  return WHOLE_MACHINE.test(readFileSync('/proc/self/uid_map', 'utf8'));
}
