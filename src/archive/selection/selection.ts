import { TaskfsError } from '../../errors.ts';
import { decodeBytes } from '../../process/index.ts';
import type { SealedPart } from '../../store/index.ts';
import { matchesPattern, type Pattern, parsePattern } from './pattern.ts';

/** Which part of a task's files is sealed, to be asked of each path of a tree. */
export interface Selection {
  /** Whether something is excluded. What is in a directory that is, is not asked for. */
  excludes(path: Uint8Array, isDirectory: boolean): boolean;
  /** Whether something is of the part itself; true for everything where nothing else is said. */
  includes(path: Uint8Array, isDirectory: boolean): boolean;
  /** Whether a directory that is not of the part may have something in it that is. */
  readonly isPartial: boolean;
}

/** More patterns than these take longer for each file than anybody could mean. */
const MAX_PATTERNS = 100;

/** Reads what `--artifact` and `--exclude` say. Throws `usage`. */
export function parseSelection({ artifact = [], exclude = [] }: SealedPart): Selection {
  if (artifact.length + exclude.length > MAX_PATTERNS) {
    throw new TaskfsError('usage', `there are more than ${MAX_PATTERNS} patterns`, {
      hint: 'Let the task put what is to be sealed into a directory of its own.',
    });
  }
  const included = artifact.map((text) => parsePattern('--artifact', text));
  const excluded = exclude.map((text) => parsePattern('--exclude', text));
  return {
    isPartial: included.length > 0,
    excludes: (path, isDirectory) => decide(excluded, namesOf(path), isDirectory) ?? false,
    includes: (path, isDirectory) => {
      if (included.length === 0) return true;
      const names = namesOf(path);
      const own = decide(included, names, isDirectory);
      return own ?? isInIncluded(included, names);
    },
  };
}

/** What the last pattern that is about a path says of it; undefined where none is. */
function decide(
  patterns: readonly Pattern[],
  names: readonly string[],
  isDirectory: boolean,
): boolean | undefined {
  const last = patterns.findLast((pattern) => matchesPattern(pattern, names, isDirectory));
  return last && !last.isNegated;
}

/** The nearest directory above that any pattern is about decides. */
function isInIncluded(included: readonly Pattern[], names: readonly string[]): boolean {
  for (let length = names.length - 1; length > 0; length--) {
    const above = decide(included, names.slice(0, length), true);
    if (above !== undefined) return above;
  }
  return false;
}

/** Bytes that are not UTF-8 are characters of their own. */
const namesOf = (path: Uint8Array): string[] => decodeBytes(Buffer.from(path)).split('/');
