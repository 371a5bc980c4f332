import { TaskfsError } from '../../errors.ts';

/**
 * A pattern as a line of .gitignore (gitignore(5)). Matched without regular expressions: those
 * that a pattern like `*a*a*a*` becomes take ages for some names, and names are the task's.
 */
export interface Pattern {
  /** Begins with `!`: takes back what an earlier one says. */
  readonly isNegated: boolean;
  readonly isForDirectories: boolean;
  readonly segments: readonly Segment[];
}

/** What one name has to be, or `**`: any number of them. */
type Segment = readonly Token[] | typeof MANY;

/** What one character has to be, or `*`: any number of them. */
type Token = string | CharacterClass | typeof ANY | typeof MANY;

/** `[a-z]`, `[!a-z]`. */
interface CharacterClass {
  readonly isNegated: boolean;
  readonly ranges: readonly (readonly [from: string, to: string])[];
}

const MANY = Symbol('many');
const ANY = Symbol('any');

/** Longer ones take longer for each file than anybody could mean. */
const MAX_LENGTH = 512;

/** Parses a pattern. Throws `usage` where it is none; `option` is where it comes from. */
export function parsePattern(option: string, text: string): Pattern {
  const fail = (why: string): TaskfsError =>
    new TaskfsError('usage', `'${text}' cannot be the value of ${option}: ${why}`, {
      hint: "Give a pattern as in .gitignore: '*.log', 'reports/', '/build/**/*.json'.",
    });
  if (text.length > MAX_LENGTH) throw fail(`it has more than ${MAX_LENGTH} characters`);
  if (text.startsWith('#')) throw fail("as a comment it matches nothing; '\\#' begins a name");
  const isNegated = text.startsWith('!');
  const body = isNegated ? text.slice(1) : text;
  const isForDirectories = body.endsWith('/');
  const names = (isForDirectories ? body.slice(0, -1) : body).split('/');
  const isAnchored = names.length > 1;
  const own = names[0] === '' && isAnchored ? names.slice(1) : names;
  if (own.some((name) => name === '')) throw fail('a name in it is empty');
  const inside = own.map(
    (name): Segment => (name === '**' && isAnchored ? MANY : parseName(name, fail)),
  );
  // Everything inside of a directory, but not the directory.
  const ending = inside.at(-1) === MANY ? [[MANY] as const] : [];
  const segments: Segment[] = isAnchored ? [...inside, ...ending] : [MANY, ...inside];
  return { isNegated, isForDirectories, segments };
}

function parseName(name: string, fail: (why: string) => TaskfsError): Token[] {
  const tokens: Token[] = [];
  const characters = [...name];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    if (character === '*') {
      if (tokens.at(-1) !== MANY) tokens.push(MANY);
    } else if (character === '?') tokens.push(ANY);
    else if (character === '[') {
      const { found, end } = parseClass(characters, at + 1, fail);
      tokens.push(found);
      at = end;
    } else if (character === '\\') {
      const next = characters[++at];
      if (next === undefined) throw fail('nothing follows its last backslash');
      tokens.push(next);
    } else tokens.push(character);
  }
  return tokens;
}

/** The class that begins at an index, and the index of its `]`. */
function parseClass(
  characters: readonly string[],
  begin: number,
  fail: (why: string) => TaskfsError,
): { found: CharacterClass; end: number } {
  const isNegated = characters[begin] === '!' || characters[begin] === '^';
  const first = isNegated ? begin + 1 : begin;
  const ranges: (readonly [string, string])[] = [];
  let at = first;
  const take = (): string => {
    if (characters[at] === '\\') at++;
    const character = characters[at++];
    if (character === undefined) throw fail("a '[' in it is not closed");
    return character;
  };
  while (at === first || characters[at] !== ']') {
    if (characters[at] === '[' && characters[at + 1] === ':') throw fail("it has '[:'");
    const from = take();
    const isRange = characters[at] === '-' && characters[at + 1] !== ']';
    if (isRange) at++;
    ranges.push([from, isRange ? take() : from]);
  }
  return { found: { isNegated, ranges }, end: at };
}

/** Whether a path, given as its names, is what a pattern says, but for its negation. */
export function matchesPattern(
  { isForDirectories, segments }: Pattern,
  names: readonly string[],
  isDirectory: boolean,
): boolean {
  if (isForDirectories && !isDirectory) return false;
  return matchesAll(segments, names, (segment, name) =>
    matchesAll<Token, string>(segment, [...name], matchesCharacter),
  );
}

function matchesCharacter(token: Exclude<Token, typeof MANY>, character: string): boolean {
  if (typeof token === 'string') return token === character;
  if (token === ANY) return true;
  const isInside = token.ranges.some(([from, to]) => from <= character && character <= to);
  return isInside !== token.isNegated;
}

/**
 * Whether all items fit all parts in turn, where MANY fits any number of items. Only the last MANY
 * has to be tried again with one item more, so it takes items times parts at most.
 */
function matchesAll<Part, Item>(
  parts: readonly Part[],
  items: readonly Item[],
  fits: (part: Exclude<Part, typeof MANY>, item: Item) => boolean,
): boolean {
  let part = 0;
  let item = 0;
  let retry: { readonly part: number; item: number } | undefined;
  while (item < items.length) {
    const wanted = parts[part];
    if (part < parts.length && wanted === MANY) {
      part++;
      retry = { part, item };
    } else if (
      part < parts.length &&
      fits(wanted as Exclude<Part, typeof MANY>, items[item] as Item)
    ) {
      part++;
      item++;
    } else if (retry) {
      retry.item++;
      part = retry.part;
      item = retry.item;
    } else return false;
  }
  while (part < parts.length && parts[part] === MANY) part++;
  return part === parts.length;
}
