/**
 * What is known of inodes, one typed array for each field and one row for each inode: objects with
 * a map around them take several times the memory, and 200,000 files are walked easily. Rows that
 * were freed wait in line: while the table is a quarter empty, no number is used again soon.
 */
export class InodeColumns {
  ino = new BigUint64Array(FIRST_ROWS);
  /** Places in the lists of tasks and devices. */
  task = new Uint32Array(FIRST_ROWS);
  device = new Uint16Array(FIRST_ROWS);
  /** The type bits of its mode; 0: the row is free. */
  type = new Uint16Array(FIRST_ROWS);
  /** The row of the parent, or NO_ROW; of a free row, the next free one. */
  parent = new Int32Array(FIRST_ROWS);
  lookups = new Float64Array(FIRST_ROWS);
  children = new Uint32Array(FIRST_ROWS);
  /** Until when (seconds since the epoch) the kernel may cache its place. */
  cachedUntil = new Uint32Array(FIRST_ROWS);
  /** The ctime (nanoseconds) of the content that the kernel keeps; NO_PAGES: none to rely on. */
  pages = new BigInt64Array(FIRST_ROWS);
  /** The watch that reports whoever opens it to write to it; 0: none does. */
  provenBy = new Int32Array(FIRST_ROWS);
  /** Raw bytes as latin1: a byte a character, a third of a Buffer's memory. */
  readonly name: string[] = [];

  private rows = 0;
  private freeRows = 0;
  private firstFree = NO_ROW;
  private lastFree = NO_ROW;

  /** A row whose every field is to be written. */
  allocate(): number {
    if (this.rows < this.ino.length) return this.rows++;
    if (this.freeRows * 4 >= this.rows) return this.reuse();
    this.grow();
    return this.rows++;
  }

  free(row: number): void {
    this.type[row] = 0;
    this.name[row] = '';
    this.parent[row] = NO_ROW;
    if (this.lastFree === NO_ROW) this.firstFree = row;
    else this.parent[this.lastFree] = row;
    this.lastFree = row;
    this.freeRows++;
  }

  isUsed(row: number): boolean {
    return row >= 0 && row < this.rows && this.type[row] !== 0;
  }

  private reuse(): number {
    const row = this.firstFree;
    this.firstFree = at(this.parent, row);
    if (this.firstFree === NO_ROW) this.lastFree = NO_ROW;
    this.freeRows--;
    return row;
  }

  private grow(): void {
    const rows = this.ino.length * 2;
    this.ino = longer(this.ino, new BigUint64Array(rows));
    this.task = longer(this.task, new Uint32Array(rows));
    this.device = longer(this.device, new Uint16Array(rows));
    this.type = longer(this.type, new Uint16Array(rows));
    this.parent = longer(this.parent, new Int32Array(rows));
    this.lookups = longer(this.lookups, new Float64Array(rows));
    this.children = longer(this.children, new Uint32Array(rows));
    this.cachedUntil = longer(this.cachedUntil, new Uint32Array(rows));
    this.pages = longer(this.pages, new BigInt64Array(rows));
    this.provenBy = longer(this.provenBy, new Int32Array(rows));
  }
}

const FIRST_ROWS = 1024;
export const NO_ROW = -1;
export const NO_PAGES = -(2n ** 63n);

/** A field of a row that is there. */
export const at = (column: ArrayLike<number>, row: number): number => column[row] ?? 0;

function longer<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
