import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import {
  AT,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
  renameAt,
} from '../../../src/sys/index.ts';
import { type Cases, octal, short, tryModesOfParent, tryStrangePaths, unlink } from './case.ts';
import { type Subject, TYPES, type Type, type User } from './subject.ts';

const rename = (from: string, to: string, flags = 0) =>
  renameAt(AT.FDCWD, from, AT.FDCWD, to, flags);

/**
 * Every owner of a sticky directory, of a file in it, and everybody who acts there; and of one
 * that is not sticky.
 */
function sticky(s: Subject, types: readonly Type[], act: (user: User, type: Type) => void): void {
  for (const type of types)
    for (const ofDirectory of s.users)
      for (const ofFile of s.users)
        for (const user of s.users)
          for (const mode of ofDirectory === s.users[0] ? [0o1777, 0o777] : [0o1777]) {
            s.make('directory', 'd', mode, ofDirectory);
            s.make(type, 'd/f', undefined, ofFile);
            s.say(
              `${type} of ${ofFile.name} in ${octal(mode)} of ${ofDirectory.name} by ${user.name}`,
            );
            act(user, type);
            s.show('d/f');
          }
}

const TARGETS = [...TYPES, 'full', 'nothing'] as const;

/** Cases of unlink(2), rmdir(2) and rename(2). */
export const removingCases: Cases = {
  'unlink and rmdir: every type, and times': (s) => {
    for (const type of s.types) {
      s.make(type, 'f');
      s.times(`rmdir ${type}`, ['f', '.'], () => rmdirSync('f'));
      s.make(type, 'f');
      s.times(`unlink ${type}`, ['f', '.'], () => unlink('f'));
    }
    s.make('directory', 'd');
    s.make('regular', 'd/f');
    s.times('rmdir of a full one', ['d', '.'], () => rmdirSync('d'));
    for (const user of s.users)
      s.times(user.name, ['d', 'd/f'], () => s.as(user, () => unlink('d/f')));
  },
  'unlink: strange paths': (s) => tryStrangePaths(s, unlink),
  'rmdir: strange paths': (s) => tryStrangePaths(s, rmdirSync),
  'unlink: modes of the directory': (s) =>
    tryModesOfParent(s, () => s.make('regular', 'shut/f'), unlink),
  'rmdir: modes of the directory': (s) =>
    tryModesOfParent(s, () => s.make('directory', 'shut/f'), rmdirSync),
  'rename out: modes of the directory': (s) => {
    s.make('directory', 'open', 0o777);
    tryModesOfParent(
      s,
      () => s.make('regular', 'shut/f'),
      (path) => rename(path, 'open/g'),
    );
    tryModesOfParent(
      s,
      () => s.make('directory', 'shut/f'),
      (path) => rename(path, 'open/d'),
    );
  },
  'rename in: modes of the directory': (s) => {
    s.make('directory', 'open', 0o777);
    const fill = () => s.make('regular', 'open/g');
    tryModesOfParent(s, fill, (path) => rename('open/g', path));
  },
  'sticky directories: unlink': (s) =>
    sticky(s, ['regular', 'symlink'], (user) =>
      s.attempt('unlink', () => s.as(user, () => unlink('d/f'))),
    ),
  'sticky directories: rmdir': (s) =>
    sticky(s, ['directory'], (user) =>
      s.attempt('rmdir', () => s.as(user, () => rmdirSync('d/f'))),
    ),
  'sticky directories: rename away, and over': (s) =>
    sticky(s, ['regular', 'directory'], (user, type) => {
      s.make('directory', 'to', 0o777);
      s.attempt('away', () => s.as(user, () => rename('d/f', 'to/f')));
      s.make(type, 'to/g', undefined, user);
      s.attempt('over', () => s.as(user, () => rename('to/g', 'd/f')));
      s.show('to/f');
      s.show('to/g');
    }),
  'rename: a directory wants to be writable, since its parent is in it': (s) => {
    for (const owner of s.users)
      for (const user of s.users)
        for (const mode of [0o755, 0o555, 0o777]) {
          s.make('directory', 'from', 0o777);
          s.make('directory', 'to', 0o777);
          s.make('directory', 'from/d', mode, owner);
          s.attempt(`${octal(mode)} of ${owner.name} by ${user.name}`, () =>
            s.as(user, () => rename('from/d', 'to/d')),
          );
          s.attempt('in place', () => s.as(user, () => rename('from/d', 'from/e')));
          s.show('to/d');
        }
  },
  'rename: every type over every type, with every flag': (s) => {
    const flags = {
      none: 0,
      NOREPLACE: RENAME_NOREPLACE,
      EXCHANGE: RENAME_EXCHANGE,
      'NOREPLACE EXCHANGE': RENAME_NOREPLACE | RENAME_EXCHANGE,
      unknown: 8,
      ...(s.isRoot && { WHITEOUT: RENAME_WHITEOUT }),
    };
    for (const [flag, bits] of Object.entries(flags))
      for (const from of s.types)
        for (const to of TARGETS.filter(
          (type) => !(TYPES as readonly string[]).includes(type) || s.types.includes(type as Type),
        )) {
          for (const path of ['from', 'to']) s.make('directory', path);
          s.make(from, 'from/a');
          if (to === 'full') mkdirSync('to/b/inner', { recursive: true });
          else if (to !== 'nothing') s.make(to, 'to/b');
          const act = () => rename('from/a', 'to/b', bits);
          // ext4 moves the directory's times even where it refuses a whiteout, now and then.
          if (bits === RENAME_WHITEOUT) s.attempt(`${from} over ${to}, ${flag}`, act);
          else s.times(`${from} over ${to}, ${flag}`, ['from', 'to', 'from/a', 'to/b'], act);
          for (const path of ['from', 'to', 'from/a', 'to/b']) s.show(path);
        }
  },
  'rename: over another name of the same file': (s) => {
    for (const type of s.types.filter((name) => name !== 'directory')) {
      s.make(type, 'a');
      s.clear('b');
      s.attempt('link', () => linkSync('a', 'b'));
      s.times(type, ['a', 'b', '.'], () => rename('a', 'b'));
      s.attempt('itself', () => rename('a', 'a'));
      s.show('a');
      s.show('b');
    }
  },
  'rename: into itself, over an ancestor, of dots': (s) => {
    mkdirSync('a/b/c', { recursive: true });
    for (const [from, to] of [
      ['a', 'a/b/c/d'],
      ['a', 'a/x'],
      ['a/b', 'a'],
      ['a/b/c', 'a'],
      ['a/b/c', 'a/b'],
      ['a/.', 'x'],
      ['a/..', 'x'],
      ['a', 'x/'],
      ['x/', 'y/'],
      ['a/b', '.'],
      ['a', 'a'],
      ['.', 'z'],
      ['y', 'a/b/c'],
    ] as const) {
      s.attempt(`${from} to ${to}`, () => rename(from, to));
    }
    for (const path of ['a', 'a/b', 'a/b/c', 'x', 'y']) s.show(path);
  },
  'rename: strange paths as source and as target': (s) => {
    tryStrangePaths(s, (path) => rename(path, 'made'));
    for (const what of ['full/file', 'full']) {
      s.make('directory', `of-${short(what).length}`);
      process.chdir(`of-${short(what).length}`);
      tryStrangePaths(s, (path) => rename(what, path));
      process.chdir('..');
    }
  },
  'rename: .. of what moved, and the counts of both parents': (s) => {
    mkdirSync('p/d', { recursive: true });
    mkdirSync('q');
    rename('p/d', 'q/e');
    s.say(`same: ${statSync('q/e/..').ino === statSync('q').ino}`);
    for (const path of ['p', 'q', 'q/e']) s.show(path);
    rename('q', 'p/q');
    s.say(`same: ${statSync('p/q/e/../..').ino === statSync('p').ino}`);
    for (const path of ['p', 'p/q', 'p/q/e']) s.show(path);
  },
  'what is removed while it is open or stood in': (s) => {
    mkdirSync('d');
    s.make('regular', 'f', 0o640);
    const [file, directory] = [openSync('f', 'r+'), openSync('d', constants.O_RDONLY)];
    process.chdir('d');
    rmdirSync('../d');
    s.say(`nlink ${fstatSync(directory).nlink}`);
    for (const path of ['.', '..', 'x', './x']) s.attempt(`stat ${path}`, () => statSync(path));
    s.attempt('mkdir', () => mkdirSync('x'));
    s.attempt('create', () => closeSync(openSync('y', 'w')));
    s.attempt('symlink', () => symlinkSync('y', 'l'));
    s.attempt('list', () => s.say(readdirSync('.').join()));
    s.attempt('rename into it', () => renameSync('../f', 'f'));
    process.chdir('..');
    unlink('f');
    s.say(`nlink ${fstatSync(file).nlink}, mode ${octal(fstatSync(file).mode)}`);
    closeSync(file);
    closeSync(directory);
  },
};
