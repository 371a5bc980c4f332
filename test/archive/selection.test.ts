import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSelection } from '../../src/archive/selection/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const NAMES = ['a', 'ab', 'b', '.c', 'a-b', '*'];
const one = NAMES;
const two = NAMES.flatMap((name) => one.map((other) => `${name}/${other}`));
const three = ['a', 'b', '.c'].flatMap((name) => two.map((other) => `${name}/${other}`));
const PATHS = [...one, ...two, ...three];

const LISTS: readonly (readonly string[])[] = [
  ['a'],
  ['a/'],
  ['/a'],
  ['a/b'],
  ['/a/b/'],
  ['*'],
  ['*', '!b'],
  ['a*', '!ab', '/b/a'],
  ['?'],
  ['\\*'],
  ['[ab]'],
  ['[!a-b]'],
  ['[^.]b', '!/b'],
  ['a[-x]b'],
  ['*/'],
  ['*/*', '!*/a'],
  ['**/b'],
  ['a/**'],
  ['a/**/b'],
  ['**/a/**', '!a/b'],
  ['/**/ab/'],
  ['!a', 'a'],
  ['.*', '!.c'],
  ['b/*/a', '/*/b/*'],
];

describe('patterns of what is sealed', () => {
  it('mean what git says that they mean', () => {
    const directory = temporaryDirectory();
    execFileSync('git', ['init', '-q', directory]);
    for (const exclude of LISTS) {
      writeFileSync(join(directory, '.gitignore'), exclude.join('\n'));
      const git = spawnSync('git', ['check-ignore', '--no-index', '--stdin', '-z'], {
        cwd: directory,
        input: PATHS.join('\0'),
      });
      expect(git.stderr.toString()).toBe('');
      const ignored = git.stdout.toString().split('\0').slice(0, -1);
      const selection = parseSelection({ exclude });
      const isExcluded = (path: string): boolean => {
        const names = path.split('/');
        return names.some((_, at) =>
          selection.excludes(Buffer.from(names.slice(0, at + 1).join('/')), at < names.length - 1),
        );
      };
      expect(PATHS.filter(isExcluded), exclude.join(' ')).toEqual(ignored);
    }
  });

  it('take no longer for a name that was made for it, and know characters and bytes', () => {
    const { excludes } = parseSelection({ exclude: ['*a'.repeat(100).concat('*b'), '?xb?'] });
    const long = Array.from({ length: 200 }, () => 'a'.repeat(255)).join('/');
    expect(excludes(Buffer.from(long), false)).toBe(false);
    expect(excludes(Buffer.from('\xffxb\xfe', 'latin1'), false)).toBe(true);
    expect(excludes(Buffer.from('äxb€'), false)).toBe(true);
    expect(
      parseSelection({ exclude: ['**/a/'.repeat(60)] }).excludes(Buffer.from(long), true),
    ).toBe(false);
  });

  it('are refused where they can mean nothing', () => {
    for (const wrong of ['', '!', '/', 'a//b', '[a', 'a\\', '#a', '[[:alpha:]]', 'a'.repeat(600)]) {
      expect(() => parseSelection({ artifact: [wrong] }), wrong).toThrow('--artifact');
    }
    const many = Array.from({ length: 101 }, () => 'a');
    expect(() => parseSelection({ exclude: many })).toThrow('more than 100 patterns');
  });
});
