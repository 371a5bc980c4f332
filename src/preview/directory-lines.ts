import type { StyledLine } from '../terminal/index.ts';
import { shown, span } from './text.ts';

/** A name below a directory. */
export interface TreeEntry {
  /** From 0, right in the directory. */
  readonly depth: number;
  /** As it may be shown. */
  readonly name: string;
  readonly isDirectory: boolean;
}

/**
 * Names below a directory, each after the directory that it is in, as tree(1) draws them. Where
 * they are cut, more come after the last one.
 */
export function directoryLines(entries: readonly TreeEntry[], isCut = false): StyledLine[] {
  const lines: StyledLine[] = [];
  // Whether more comes in the directory of each depth, as it is from the last entry up.
  let more: readonly boolean[] = isCut ? entries.map(() => true) : [];
  for (const { depth, name, isDirectory } of entries.toReversed()) {
    const indent = range(depth).map((at) => (more[at] ? '│   ' : '    '));
    const branch = more[depth] ? '├── ' : '└── ';
    const label = isDirectory ? span(`${shown(name)}/`, 'bold') : span(shown(name));
    lines.push([span(indent.join('') + branch, 'dim'), label]);
    more = range(depth + 1).map((at) => at === depth || (more[at] ?? false));
  }
  return lines.reverse();
}

const range = (length: number): number[] => Array.from({ length }, (_, at) => at);
