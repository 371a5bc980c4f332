import { printableText } from '../../printable.ts';
import type { TaskRecord } from '../../store/index.ts';
import { printableName } from '../name.ts';
import type { TaskWatch } from '../task-watch.ts';
import type { LiveTree, TreeNode } from '../tree.ts';
import { formatAge, formatSize } from './text.ts';

/** One line of the view before it is cut to the screen. */
export interface Line {
  readonly left: string;
  /** Right-aligned columns: size and age. */
  readonly right: string;
  /**
   * live: the task's files are in `live/`; plain: in the archive; trouble: kept, or something to
   * know.
   */
  readonly tone: 'live' | 'plain' | 'trouble';
}

/**
 * Children by raw name, kept until names change: a large directory is not sorted for every redraw.
 */
export type SortedChildren = WeakMap<TreeNode, TreeNode[]>;

/** How many lines `linesOf` would give. */
export function countLines(tasks: Iterable<TaskWatch>): number {
  let count = 0;
  for (const { tree, trouble } of tasks) {
    count += 1 + (trouble === undefined ? 0 : 1) + (tree ? tree.files + tree.directories : 0);
  }
  return count;
}

/** The whole view, top to bottom, made as it is asked for. `now`: milliseconds since the epoch. */
export function* linesOf(
  tasks: Iterable<TaskWatch>,
  sorted: SortedChildren,
  now: number,
): Generator<Line> {
  for (const task of inOrder(tasks)) {
    const tone = toneOf(task.record);
    yield { ...heading(task.record, task.tree, now), tone };
    if (task.trouble !== undefined)
      yield { left: `  ${printableText(task.trouble)}`, right: '', tone: 'trouble' };
    if (task.tree) yield* treeLines(task.tree.root, sorted, now, tone);
  }
}

/** Tasks that are live first, then the archived, the newest of both at the top. */
function inOrder(tasks: Iterable<TaskWatch>): TaskWatch[] {
  const rank = ({ record }: TaskWatch): number => (record.artifacts === 'sealed' ? 1 : 0);
  return [...tasks].sort(
    (a, b) => rank(a) - rank(b) || (a.record.createdAt < b.record.createdAt ? 1 : -1),
  );
}

function toneOf(record: TaskRecord): Line['tone'] {
  if (record.artifacts === 'sealed') return 'plain';
  return record.artifacts === 'kept' ? 'trouble' : 'live';
}

const PLACE = { live: 'live', sealing: 'sealing', sealed: 'archived', kept: 'kept unsealed' };

function heading(record: TaskRecord, tree: LiveTree | undefined, now: number): Omit<Line, 'tone'> {
  const mark = record.artifacts === 'sealed' ? '○' : '●';
  const files = tree ? `, ${tree.files} ${tree.files === 1 ? 'file' : 'files'}` : '';
  const reason = record.sealError ?? (record.status === 'failed' ? record.reason : null);
  const why = reason === null ? '' : ` (${printableText(reason)})`;
  const left = `${mark} ${record.task}  ${record.status}, ${PLACE[record.artifacts]}${files}${why}`;
  const since = Date.parse(record.endedAt ?? record.startedAt ?? record.createdAt);
  return { left, right: columns(tree ? formatSize(tree.bytes) : '', formatAge(now - since)) };
}

function* treeLines(
  root: TreeNode,
  sorted: SortedChildren,
  now: number,
  tone: Line['tone'],
): Generator<Line> {
  const stack = levelOf(root, sorted, '');
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, indent, last } = next;
    const branch = last ? '└── ' : '├── ';
    yield { left: `${indent}${branch}${labelOf(node)}`, right: details(node, now), tone };
    stack.push(...levelOf(node, sorted, indent + (last ? '    ' : '│   ')));
  }
}

interface Placed {
  readonly node: TreeNode;
  readonly indent: string;
  readonly last: boolean;
}

/** The children of a directory in reverse order, as a stack wants them. */
function levelOf(directory: TreeNode, sorted: SortedChildren, indent: string): Placed[] {
  return childrenOf(directory, sorted)
    .map((node, at, all) => ({ node, indent, last: at === all.length - 1 }))
    .reverse();
}

function childrenOf(directory: TreeNode, sorted: SortedChildren): TreeNode[] {
  if (directory.children.size === 0) return [];
  const known = sorted.get(directory);
  if (known) return known;
  const fresh = [...directory.children.values()].sort((a, b) => Buffer.compare(a.name, b.name));
  sorted.set(directory, fresh);
  return fresh;
}

const SUFFIX = { file: '', directory: '/', symlink: '@', special: '|' };

function labelOf(node: TreeNode): string {
  const unreadable = node.unreadable ? ' (may not be read)' : '';
  return printableName(node.name) + SUFFIX[node.entry.kind] + unreadable;
}

function details(node: TreeNode, now: number): string {
  const { kind, size, mtimeNs } = node.entry;
  const age = formatAge(now - Number(mtimeNs / 1_000_000n));
  return columns(kind === 'file' ? formatSize(size) : '', age);
}

const columns = (size: string, age: string): string => `${size.padStart(9)} ${age.padStart(6)}`;
