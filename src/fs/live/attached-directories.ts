const BYTES = BigUint64Array.BYTES_PER_ELEMENT;
const FREE = 0n;

/**
 * The staging directories that are attached in a mount, by inode number, in memory that the thread
 * which attaches them shares with the one that answers lookups.
 */
export class AttachedDirectories {
  readonly memory: SharedArrayBuffer;
  private readonly inodes: BigUint64Array;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.inodes = new BigUint64Array(memory);
  }

  /** Makes memory for so many directories. */
  static allocate(limit: number): AttachedDirectories {
    return new AttachedDirectories(new SharedArrayBuffer(limit * BYTES));
  }

  /** False where there is no place left. */
  add(ino: bigint): boolean {
    const place = this.inodes.indexOf(FREE);
    if (place === -1) return false;
    Atomics.store(this.inodes, place, ino);
    return true;
  }

  delete(ino: bigint): void {
    const place = this.inodes.indexOf(ino);
    if (place !== -1) Atomics.store(this.inodes, place, FREE);
  }

  has(ino: bigint): boolean {
    return this.inodes.includes(ino);
  }
}
