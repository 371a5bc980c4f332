import type { FindIdentities } from '../artifacts/index.ts';
import { printableText } from '../printable.ts';
import { counted, showBytes } from '../quantities.ts';
import type { Store, TaskRecord } from '../store/index.ts';
import type { Style, StyledLine } from '../terminal/index.ts';
import { pathOf, printableName, type TreeNode } from '../watch/index.ts';
import { FollowedTask } from './followed-task.ts';
import { formatAge, sizeAndAge } from './format.ts';
import type { Pane, PaneLine, PaneView } from './pane.ts';
import { Selection } from './selection.ts';
import { type TreeRow, TreeRows } from './tree-rows.ts';

/** How long a task is chosen before its files are read: keys may move on at once. */
const SETTLE_MS = 120;

/** The files of the chosen task. */
export class FilesPane implements Pane, Disposable {
  private readonly store: Store;
  private readonly findIdentities: FindIdentities;
  private readonly changed: () => void;
  private readonly treeRows = new TreeRows();
  private record: TaskRecord | undefined;
  private followed: FollowedTask | undefined;
  private settling: NodeJS.Timeout | undefined;
  private selection = new Selection();
  private closed = new Set<string>();
  private filter = '';
  private rows: readonly TreeRow[] = [];
  private keys: readonly string[] = [];
  private isStale = true;

  /** `changed` is called whenever there is something new to show. */
  constructor(store: Store, findIdentities: FindIdentities, changed: () => void) {
    this.store = store;
    this.findIdentities = findIdentities;
    this.changed = changed;
  }

  /** The chosen file; undefined where there is none. */
  get chosen(): TreeNode | undefined {
    this.arrange();
    return this.rows.find(({ key }) => key === this.selection.key)?.node;
  }

  /** The path of the chosen file; empty for the task's directory, where there is none. */
  get chosenPath(): Buffer {
    const node = this.chosen;
    return node ? pathOf(node) : Buffer.alloc(0);
  }

  /** The bytes of all files; undefined while they are not known. */
  get bytes(): number | undefined {
    return this.followed?.tree?.bytes;
  }

  /** Shows the files of a task from now on. */
  show(record: TaskRecord | undefined): void {
    const isSame = record?.task === this.record?.task;
    this.record = record;
    if (isSame) return;
    this[Symbol.dispose]();
    this.selection = new Selection();
    this.closed = new Set();
    this.filter = '';
    this.isStale = true;
    if (record) this.settling = setTimeout(() => this.follow(record), SETTLE_MS);
  }

  setFilter(filter: string): void {
    this.filter = filter;
    this.isStale = true;
  }

  moveBy(lines: number): void {
    this.arrange();
    this.selection.moveBy(this.keys, lines);
  }

  click(line: number): void {
    if (!this.selection.chooseLine(this.keys, line)) return;
  }

  /** Opens or closes the chosen directory; returns false where it is none, or that already. */
  fold(how: 'open' | 'close' | 'toggle'): boolean {
    const node = this.chosen;
    const key = this.selection.key;
    if (node?.entry.kind !== 'directory' || key === undefined) return false;
    const isClosed = this.closed.has(key);
    if ((how === 'open' && !isClosed) || (how === 'close' && isClosed)) return false;
    if (isClosed) this.closed.delete(key);
    else this.closed.add(key);
    this.isStale = true;
    return true;
  }

  /** Chooses the directory that the chosen file is in; returns false where it is in none. */
  chooseParent(): boolean {
    const key = this.selection.key ?? '';
    const end = key.lastIndexOf('/');
    if (end === -1) return false;
    this.selection.choose(key.slice(0, end));
    return true;
  }

  view(columns: number, height: number, now: number): PaneView {
    this.arrange();
    const { first, chosen } = this.selection.window(this.keys, height);
    const lines = this.rows.slice(first, first + height).map((row, at) => ({
      ...this.line(row, now),
      isChosen: first + at === chosen,
    }));
    return { title: this.title(columns), lines };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.settling);
    this.followed?.[Symbol.dispose]();
    this.followed = undefined;
    this.rows = [];
    this.keys = [];
  }

  private follow({ task }: TaskRecord): void {
    this.followed = new FollowedTask(this.store, task, this.findIdentities, (names) => {
      this.isStale ||= names;
      this.changed();
    });
  }

  private arrange(): void {
    if (!this.isStale) return;
    this.isStale = false;
    const tree = this.followed?.tree;
    this.rows = tree ? this.treeRows.of(tree, this.closed, this.filter) : [];
    this.keys = this.rows.map(({ key }) => key);
    if (this.keys.length > 0) this.selection.moveBy(this.keys, 0);
  }

  private title(_columns: number): StyledLine {
    if (!this.record) return [];
    const tree = this.followed?.tree;
    const name = { text: this.record.task };
    const trouble = this.followed?.trouble;
    if (trouble !== undefined) {
      return [name, { text: `: ${printableText(trouble)}`, styles: ['yellow'] }];
    }
    if (!tree) return [name];
    const found = this.filter === '' ? '' : `${this.rows.length} of `;
    const shown = this.filter === '' ? '' : `: ${this.filter}`;
    const sum = `${found}${counted(tree.files, 'file')}, ${showBytes(tree.bytes)}${shown}`;
    return [name, { text: `  ${sum}` }];
  }

  private line({ key, node, depth }: TreeRow, now: number): PaneLine {
    const { kind, size, mtimeNs } = node.entry;
    const isDirectory = kind === 'directory';
    const sign = isDirectory ? (this.closed.has(key) ? '▸ ' : '▾ ') : '  ';
    const name = this.filter === '' ? node.name : pathOf(node);
    const indent = this.filter === '' ? '  '.repeat(depth) : '';
    const text = indent + sign + printableName(name) + SUFFIX[kind];
    const note = node.unreadable ? [{ text: ' (may not be read)', styles: DIM }] : [];
    const age = formatAge(now - Number(mtimeNs / 1_000_000n));
    const right = sizeAndAge(kind === 'file' ? showBytes(size) : '', age);
    const styles = this.followed?.isFlashing(key) ? FLASH : isDirectory ? DIRECTORY : [];
    return { left: [{ text, styles }, ...note], right };
  }
}

const SUFFIX = { file: '', directory: '/', symlink: '@', special: '|' };
const FLASH: readonly Style[] = ['bold', 'yellow'];
const DIRECTORY: readonly Style[] = ['bold'];
const DIM: readonly Style[] = ['dim'];
