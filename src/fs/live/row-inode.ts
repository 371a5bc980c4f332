import type { TaskName } from '../../store/index.ts';
import type { NodeId } from '../file-system.ts';
import { FIRST_LIVE } from '../node-ids.ts';
import type { Inode, OpenState } from './inode.ts';
import { at, InodeColumns, NO_ROW } from './inode-columns.ts';

/** Values by short numbers, given at first sight and kept. */
class Interner<T> {
  private readonly values: T[] = [];
  private readonly numbers = new Map<T, number>();

  numberOf(value: T): number {
    const known = this.numbers.get(value);
    if (known !== undefined) return known;
    const number = this.values.push(value) - 1;
    this.numbers.set(value, number);
    return number;
  }

  /** The value of a number that was given. */
  at(number: number): T {
    return this.values[number] as T;
  }
}

/** Where the fields of all inodes are; what only few have is in maps. */
export class InodeRows {
  readonly columns = new InodeColumns();
  readonly tasks = new Interner<TaskName>();
  readonly devices = new Interner<bigint>();
  readonly open = new Map<number, OpenState>();
}

/** An inode as a view of its row in the table. */
export class RowInode implements Inode {
  readonly row: number;
  private readonly rows: InodeRows;

  constructor(rows: InodeRows, row: number) {
    this.rows = rows;
    this.row = row;
  }

  get id(): NodeId {
    return FIRST_LIVE + this.row;
  }

  get task(): TaskName {
    return this.rows.tasks.at(at(this.rows.columns.task, this.row));
  }

  get dev(): bigint {
    return this.rows.devices.at(at(this.rows.columns.device, this.row));
  }

  get ino(): bigint {
    return this.rows.columns.ino[this.row] ?? 0n;
  }

  get type(): number {
    return at(this.rows.columns.type, this.row);
  }

  get parent(): RowInode | undefined {
    const parent = at(this.rows.columns.parent, this.row);
    return parent === NO_ROW ? undefined : new RowInode(this.rows, parent);
  }

  get name(): string {
    return this.rows.columns.name[this.row] ?? '';
  }

  set name(name: string) {
    this.rows.columns.name[this.row] = name;
  }

  get open(): OpenState | undefined {
    return this.rows.open.get(this.row);
  }
}

export const rowOf = (inode: Inode): number => inode.id - FIRST_LIVE;
