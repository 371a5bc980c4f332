import { chmodSync, closeSync, constants, linkSync, mkdirSync, symlinkSync } from 'node:fs';
import {
  AT,
  mkdirAt,
  mknodAt,
  openAt,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
  symlinkAt,
} from '../../../src/sys/index.ts';
import { type Cases, lchown, octal, tryModesOfParent, tryStrangePaths, unlink } from './case.ts';
import { one, type Subject, type User } from './subject.ts';

const { O_CREAT, O_EXCL, O_WRONLY, O_RDWR, O_RDONLY } = constants;
type Make = (path: string, mode: number) => void;

const mknod =
  (type: number, rdev = 0): Make =>
  (path, mode) =>
    mknodAt(AT.FDCWD, path, type | mode, rdev);

const makers: Readonly<Record<string, Make>> = {
  mkdir: (path, mode) => mkdirAt(AT.FDCWD, path, mode),
  mkfifo: mknod(S_IFIFO),
  'mknod of a file': mknod(S_IFREG),
  'mknod of a socket': mknod(S_IFSOCK),
  'mknod of a character device': mknod(S_IFCHR, 0x103),
  'mknod of a block device': mknod(S_IFBLK, 0x12345678),
  'mknod of nothing': mknod(0),
  'mknod of a directory': mknod(0o040000),
  open: (path, mode) => closeSync(openAt(AT.FDCWD, path, O_CREAT | O_RDWR, mode)),
  'open O_EXCL': (path, mode) =>
    closeSync(openAt(AT.FDCWD, path, O_CREAT | O_EXCL | O_WRONLY, mode)),
  'open to read': (path, mode) => closeSync(openAt(AT.FDCWD, path, O_CREAT | O_RDONLY, mode)),
  symlink: (path) => symlinkAt('test', AT.FDCWD, path),
};

function withUmask(mask: number, action: () => void): void {
  const before = process.umask(mask);
  try {
    action();
  } finally {
    process.umask(before);
  }
}

function each(act: (name: string, make: Make) => void): void {
  for (const [name, make] of Object.entries(makers)) act(name, make);
}

function tryMaking(s: Subject, name: string, make: Make): void {
  s.say(name);
  tryModesOfParent(
    s,
    () => {},
    (path) => make(path, 0o644),
  );
}

/** Directories in which things are made: by owner, group and mode. */
function parents(user: User): readonly (readonly [uid: number, gid: number, mode: number])[] {
  return [
    [user.uid, user.gid, 0o755],
    [user.uid, user.gid, 0o2755],
    [0, 0, 0o777],
    [0, 65531, 0o2777],
    [0, 65530, 0o3777],
    [65533, 65530, 0o1777],
    [65533, 65530, 0o755],
  ];
}

/** Cases of mkdir(2), mknod(2), symlink(2), and open(2) with O_CREAT. */
export const makingCases: Cases = {
  'modes and umasks': (s) =>
    each((name, make) => {
      for (const mask of [0, 0o027, 0o501]) {
        for (const mode of [0, 0o151, 0o345, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o7777]) {
          withUmask(mask, () =>
            s.attempt(`${name} ${octal(mode)} & ~${octal(mask)}`, () => make('f', mode)),
          );
          s.show('f');
          s.clear('f');
        }
      }
    }),
  'whose it is, by directory and maker': (s) =>
    each((name, make) => {
      for (const user of s.users) {
        for (const [uid, gid, mode] of s.isRoot
          ? parents(user)
          : [[user.uid, user.gid, 0o2755] as const]) {
          s.make('directory', 'd');
          lchown('d', uid, gid);
          chmodSync('d', mode);
          for (const wanted of [0o644, 0o6711]) {
            s.attempt(`${name} ${user.name} in ${uid} ${gid} ${octal(mode)}`, () =>
              s.as(user, () => make('d/f', wanted)),
            );
            s.show('d/f');
            s.clear('d/f');
          }
          s.show('d');
        }
      }
    }),
  'times of the directory, and of what was there': (s) =>
    each((name, make) => {
      s.times(name, ['f', '.'], () => make('f', 0o644));
      s.times(`${name} again`, ['f', '.'], () => make('f', 0o644));
      s.fresh('f');
      s.clear('f');
      mkdirSync('d', { mode: 0o755 });
      for (const user of s.users)
        s.times(`${name} ${user.name}`, ['d'], () => s.as(user, () => make('d/f', 0)));
      s.clear('d');
    }),
  'over what is there': (s) =>
    each((name, make) => {
      for (const type of s.types) {
        // Opening a device or a pipe is the kernel's business, and a pipe has nobody at its other
        // end.
        if (
          name.startsWith('open') &&
          ['fifo', 'block', 'char'].includes(type) &&
          !name.includes('EXCL')
        )
          continue;
        s.make(type, 'f');
        s.attempt(`${name} over a ${type}`, () => make('f', 0o600));
        s.show('f');
        s.show('target');
        s.clear('target');
        s.clear('f');
      }
    }),
  'strange paths': (s) =>
    each((name, make) => {
      mkdirSync(name);
      process.chdir(name);
      s.say(name);
      tryStrangePaths(s, (path) => make(path, 0o644));
      process.chdir('..');
    }),
  'modes of the directory': (s) =>
    each((name, make) => {
      if (!name.endsWith('device')) tryMaking(s, name, make);
    }),
  'devices: modes of the directory': (s) =>
    each((name, make) => {
      if (name.endsWith('device')) tryMaking(s, name, make);
    }),
  'link: every type, its count and times, and what is in the way': (s) => {
    for (const type of s.types) {
      s.make(type, 'f', 0o640, one);
      s.times(`link ${type}`, ['f', '.'], () => linkSync('f', 'g'));
      s.show('f');
      s.show('g');
      s.attempt('chmod of one shows on the other', () => chmodSync('g', 0o201));
      s.show('f');
      s.times('again', ['f', '.'], () => linkSync('f', 'g'));
      for (const inTheWay of s.types) {
        s.make(inTheWay, 'h');
        s.attempt(`onto a ${inTheWay}`, () => linkSync('f', 'h'));
      }
      s.times('unlink', ['f', '.'], () => unlink('g'));
      s.show('f');
      s.clear('h');
      s.clear('g');
    }
  },
  'link: by whom, of whose': (s) => {
    for (const mode of [0o644, 0o666, 0o4755, 0o600]) {
      for (const owner of s.users) {
        for (const user of s.users) {
          s.make('directory', 'd', 0o777);
          s.make('regular', 'd/f', mode, owner);
          s.attempt(`${octal(mode)} of ${owner.name} by ${user.name}`, () =>
            s.as(user, () => linkSync('d/f', 'd/g')),
          );
          s.show('d/g');
        }
      }
    }
  },
  'link: strange paths as source and as target': (s) => {
    tryStrangePaths(s, (path) => linkSync(path, 'made'));
    mkdirSync('as-target');
    process.chdir('as-target');
    tryStrangePaths(s, (path) => linkSync('full/file', path));
  },
  'link: modes of the directory': (s) => {
    s.make('regular', 'free', 0o666);
    tryModesOfParent(
      s,
      () => {},
      (path) => linkSync('free', path),
    );
    tryModesOfParent(
      s,
      () => s.make('regular', 'shut/f', 0o666),
      (path) => linkSync(path, 'elsewhere'),
    );
  },
  'symlink: targets of any kind': (s) => {
    for (const target of [
      '',
      '.',
      '/',
      'x'.repeat(255),
      'x/'.repeat(2047),
      'x'.repeat(4095),
      'x'.repeat(4096),
    ]) {
      s.attempt(`of ${target.length} bytes`, () => symlinkSync(target, 'l'));
      s.show('l');
      s.clear('l');
    }
  },
};
