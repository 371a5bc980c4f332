import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  mkdirSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { AT, linkAt, O_PATH, O_TMPFILE, openAt } from '../../../src/sys/index.ts';
import { type Cases, octal, tryModesOfParent, tryStrangePaths, withOpen } from './case.ts';
import type { Subject, Type } from './subject.ts';

const {
  O_RDONLY,
  O_WRONLY,
  O_RDWR,
  O_CREAT,
  O_EXCL,
  O_TRUNC,
  O_APPEND,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_DIRECT,
  O_NOATIME,
  O_SYNC,
  O_DSYNC,
  R_OK,
  W_OK,
  X_OK,
} = constants;
const ACCESS = { RDONLY: O_RDONLY, WRONLY: O_WRONLY, RDWR: O_RDWR } as const;
const MORE = {
  '': 0,
  TRUNC: O_TRUNC,
  APPEND: O_APPEND,
  CREAT: O_CREAT,
  'CREAT EXCL': O_CREAT | O_EXCL,
  'CREAT TRUNC': O_CREAT | O_TRUNC,
  DIRECTORY: O_DIRECTORY,
  'CREAT DIRECTORY': O_CREAT | O_DIRECTORY,
  NOFOLLOW: O_NOFOLLOW,
  PATH: O_PATH,
  'PATH NOFOLLOW': O_PATH | O_NOFOLLOW,
  NOATIME: O_NOATIME,
  SYNC: O_SYNC,
  DSYNC: O_DSYNC,
  DIRECT: O_DIRECT,
} as const;

const MODES = [0o400, 0o242, 0o640, 0o777, 0o000, 0o100, 0o040, 0o004, 0o466, 0o070];

/** Every way to open, but what would wait for a pipe's other end. */
function eachWay(act: (label: string, flags: number) => void): void {
  for (const [access, base] of Object.entries(ACCESS))
    for (const [name, more] of Object.entries(MORE))
      act(`${access} ${name}`, base | more | O_NONBLOCK);
}

/** Devices are not opened: the mount has nodev, as every file system of a user. */
const opened = (s: Subject): readonly Type[] =>
  s.types.filter((type) => type !== 'block' && type !== 'char');

function contents(s: Subject): void {
  s.attempt('content', () => s.say(JSON.stringify(readFileSync('f', 'latin1'))));
}

function openAsEverybody(s: Subject, type: Type, mode: number): void {
  for (const owner of s.users)
    for (const user of s.users) {
      s.make(type, 'f', mode, owner);
      const tell = (action: () => unknown) => s.outcome(() => s.as(user, action));
      const open = (flags: number) => tell(() => withOpen('f', flags | O_NONBLOCK, () => {}));
      const ends = [O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_RDONLY | O_NOATIME].map(open);
      const may = [R_OK, W_OK, X_OK].map((wish) => tell(() => accessSync('f', wish)));
      s.say(`${type} ${octal(mode)} of ${owner.name} by ${user.name}: ${ends} may ${may}`);
    }
}

/** Cases of open(2), access(2) and of what an open file allows. */
export const openingCases: Cases = {
  'open: every type in every way': (s) => {
    for (const type of opened(s)) {
      eachWay((label, flags) => {
        s.make(type, 'f');
        s.clear('target');
        s.times(`${type} ${label}`, ['f', '.'], () => withOpen('f', flags, () => {}));
        s.show('f');
        s.show('target');
      });
    }
  },
  'open: modes, owners and users': (s) => {
    for (const mode of MODES) openAsEverybody(s, 'regular', mode);
    for (const mode of MODES.slice(0, 4)) openAsEverybody(s, 'directory', mode);
  },
  'open: a pipe, by modes, owners and users': (s) => {
    for (const mode of MODES.slice(0, 4)) openAsEverybody(s, 'fifo', mode);
  },
  'open: strange paths': (s) => {
    for (const flags of [
      O_RDONLY,
      O_WRONLY,
      O_RDONLY | O_DIRECTORY,
      O_RDONLY | O_NOFOLLOW,
      O_WRONLY | O_TRUNC,
      O_CREAT | O_WRONLY | O_NOFOLLOW,
    ]) {
      mkdirSync(`flags-${flags}`);
      process.chdir(`flags-${flags}`);
      tryStrangePaths(s, (path) => withOpen(path, flags, () => {}));
      process.chdir('..');
    }
  },
  'access: strange paths': (s) => tryStrangePaths(s, (path) => accessSync(path, R_OK)),
  'open: modes of the directory': (s) =>
    tryModesOfParent(
      s,
      () => s.make('regular', 'shut/f', 0o666),
      (path) => withOpen(path, O_RDWR, () => {}),
    ),
  'open: a file that its maker may not touch': (s) => {
    for (const mode of [0o000, 0o400, 0o200, 0o444])
      for (const user of s.users)
        for (const [name, access] of Object.entries(ACCESS)) {
          s.make('directory', 'd', 0o777);
          s.attempt(`${octal(mode)} ${user.name} ${name}`, () =>
            s.as(user, () =>
              withOpen(
                'd/f',
                O_CREAT | access,
                (fd) => {
                  if (access !== O_RDONLY) writeSync(fd, 'text');
                  s.say(String(fstatSync(fd).size));
                },
                mode,
              ),
            ),
          );
          s.show('d/f');
        }
  },
  'open: what descriptors refuse': (s) => {
    writeFileSync('f', 'content');
    const buffer = Buffer.alloc(4);
    withOpen('f', O_RDONLY, (fd) => s.attempt('write', () => writeSync(fd, 'x')));
    withOpen('f', O_WRONLY, (fd) => s.attempt('read', () => readSync(fd, buffer)));
    withOpen('f', O_PATH, (fd) => {
      s.attempt('read', () => readSync(fd, buffer));
      s.attempt('fstat', () => fstatSync(fd));
    });
    withOpen('.', O_RDONLY, (fd) => {
      s.attempt('read a directory', () => readSync(fd, buffer));
      s.attempt('write', () => writeSync(fd, 'x'));
    });
    withOpen('f', O_WRONLY | O_APPEND, (fd) => {
      writeSync(fd, '1', 0);
      writeSync(fd, '2', 2);
    });
    contents(s);
  },
  'O_TMPFILE: modes, owners, and a name afterwards': (s) => {
    for (const flags of [O_RDWR, O_WRONLY, O_RDONLY, O_RDWR | O_EXCL]) {
      for (const user of s.users) {
        s.make('directory', 'd', 0o777);
        s.attempt(`${octal(flags)} ${user.name}`, () => {
          const fd = s.as(user, () => openAt(AT.FDCWD, 'd', O_TMPFILE | flags, 0o4640));
          try {
            writeSync(fd, 'nameless');
            const { mode, nlink, uid, gid, size } = fstatSync(fd);
            s.say([octal(mode), nlink, uid, gid, size].join(' '));
            s.attempt('link', () =>
              linkAt(AT.FDCWD, `/proc/self/fd/${fd}`, AT.FDCWD, 'd/f', AT.SYMLINK_FOLLOW),
            );
            s.say(`nlink ${fstatSync(fd).nlink}`);
          } finally {
            closeSync(fd);
          }
        });
        s.show('d/f');
      }
    }
    s.make('regular', 'f');
    s.attempt('in a file', () => withOpen('f', O_TMPFILE | O_RDWR, () => {}));
    s.make('directory', 'd', 0o555);
    for (const user of s.users)
      s.attempt(user.name, () => s.as(user, () => withOpen('d', O_TMPFILE | O_RDWR, () => {})));
  },
  'a running program is not written, a file open for writing not run': (s) => {
    copyFileSync('/bin/sleep', 'program');
    chmodSync('program', 0o755);
    withOpen('program', O_WRONLY, () =>
      s.say(`run: ${(spawnSync('./program', ['0']).error as NodeJS.ErrnoException)?.code}`),
    );
    s.say(`run: ${spawnSync('./program', ['0']).status}`);
    chmodSync('program', 0o644);
    s.say(`run: ${(spawnSync('./program', ['0']).error as NodeJS.ErrnoException)?.code}`);
  },
};
