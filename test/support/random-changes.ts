import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { below } from './mutate.ts';

/** Where changes are made: in these directories below `root`, to files of these names. */
export interface Playground {
  readonly root: string;
  readonly directories: readonly string[];
  readonly names: readonly string[];
}

type Random = () => number;
/** A change of one name, or of one and another. */
type Change = (path: string, other: string) => void;

const changes: readonly Change[] = [
  (path) => writeFileSync(path, 'x'),
  (path) => writeFileSync(path, 'x'),
  (path) => appendFileSync(fileAt(path), 'x'),
  (path) => appendFileSync(fileAt(path), 'x'),
  (path) => truncateSync(fileAt(path), 1),
  (path) => closeSync(openSync(fileAt(path), 'r+')),
  (path) => chmodSync(fileAt(path), 0o640),
  (path) => utimesSync(fileAt(path), 1, 1),
  (path, other) => renameSync(path, other),
  (path, other) => renameSync(path, other),
  (path, other) => renameSync(path, other),
  replace,
  replace,
  (path) => unlinkSync(path),
  (path) => unlinkSync(path),
  (path) => mkdirSync(path),
  (path) => rmdirSync(path),
  (path, other) => linkSync(fileAt(path), other),
  (path) => symlinkSync('x', path),
];

/** Makes one change in a playground, unless the file system refuses it; returns whether it did. */
export function changeAtRandom(random: Random, { root, directories, names }: Playground): boolean {
  const pick = <T>(choices: readonly T[]): T => choices[below(random, choices.length)] as T;
  const place = () => join(root, pick(directories), pick(names));
  const change = pick(changes);
  try {
    change(place(), place());
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    return false;
  }
}

/** As editors save. */
function replace(path: string): void {
  writeFileSync(`${path}.new`, 'y', { flag: 'wx' });
  renameSync(`${path}.new`, path);
}

/** The path of a file that is there. */
function fileAt(path: string): string {
  if (!lstatSync(path).isFile()) throw Object.assign(new Error(path), { code: 'EINVAL' });
  return path;
}
