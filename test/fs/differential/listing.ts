import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { Dirent } from '../../../src/sys/directory.ts';
import { AT, DT, mknodAt, readDirents, S_IFREG, seek } from '../../../src/sys/index.ts';
import { type Cases, tryModesOfParent, tryStrangePaths, unlink } from './case.ts';
import type { Subject } from './subject.ts';

const nameOf = ({ name }: Dirent): string => name.toString('latin1');
const typeNames = new Map<number, string>(Object.entries(DT).map(([name, type]) => [type, name]));

function fill(count: number, prefix = 'name'): void {
  for (let at = 0; at < count; at++) mknodAt(AT.FDCWD, `d/${prefix}-${at}`, S_IFREG | 0o644, 0);
}

function open(s: Subject, act: (fd: number) => void): void {
  const fd = openSync('d', constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    act(fd);
  } finally {
    closeSync(fd);
  }
  s.say('listed');
}

function rest(fd: number): string[] {
  const names: string[] = [];
  for (let batch = readDirents(fd); batch.length > 0; batch = readDirents(fd))
    names.push(...batch.map(nameOf));
  return names;
}

function summary(names: readonly string[]): string {
  return `${names.length} names, ${new Set(names).size} different`;
}

/** Cases of readdir(3) and its like, also while the directory changes. */
export const listingCases: Cases = {
  'types and numbers of what is listed': (s) => {
    mkdirSync('d');
    for (const type of s.types) s.make(type, `d/${type}`);
    open(s, (fd) => {
      const entries = readDirents(fd);
      for (const entry of [...entries].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
        s.say(`${nameOf(entry)} ${typeNames.get(entry.type)}`);
      }
      const number = (name: string) => entries.find((entry) => nameOf(entry) === name)?.ino;
      s.say(`. ${number('.') === statSync('d', { bigint: true }).ino}`);
      s.say(`.. ${number('..') === statSync('.', { bigint: true }).ino}`);
      s.say(`regular ${number('regular') === statSync('d/regular', { bigint: true }).ino}`);
    });
  },
  'removed while it is listed: all that was there is removed': (s) => {
    mkdirSync('d');
    fill(3000);
    let removed = 0;
    open(s, (fd) => {
      for (let batch = readDirents(fd); batch.length > 0; batch = readDirents(fd)) {
        for (const name of batch.map(nameOf)) {
          if (name.startsWith('.')) continue;
          unlink(`d/${name}`);
          removed++;
        }
      }
    });
    s.say(`${removed} removed, ${readdirSync('d').length} left`);
  },
  'every second one removed, none listed twice': (s) => {
    mkdirSync('d');
    fill(3000);
    open(s, (fd) => {
      const seen: string[] = [];
      for (let batch = readDirents(fd); batch.length > 0; batch = readDirents(fd)) {
        for (const [at, name] of batch.map(nameOf).entries()) {
          seen.push(name);
          if (at % 2 && !name.startsWith('.')) unlink(`d/${name}`);
        }
      }
      s.say(summary(seen));
    });
  },
  'made and renamed while it is listed: what was there all along is listed once': (s) => {
    mkdirSync('d');
    fill(2000);
    open(s, (fd) => {
      const first = readDirents(fd).map(nameOf);
      fill(500, 'new');
      for (let at = 0; at < 100; at++) renameSync(`d/new-${at}`, `d/newer-${at}`);
      const old = [...first, ...rest(fd)].filter((name) => name.startsWith('name'));
      s.say(summary(old));
    });
  },
  'sought: back to each place, to the start, beyond the end': (s) => {
    mkdirSync('d');
    fill(700);
    open(s, (fd) => {
      const all: Dirent[] = [];
      for (let batch = readDirents(fd); batch.length > 0; batch = readDirents(fd))
        all.push(...batch);
      for (const at of [0, 1, 2, 100, 350, all.length - 2, all.length - 1]) {
        seek(fd, all[at]?.cookie ?? 0n, 0);
        s.say(
          `${at}: ${
            rest(fd).join() ===
            all
              .slice(at + 1)
              .map(nameOf)
              .join()
          }`,
        );
      }
      seek(fd, 0n, 0);
      s.say(summary(rest(fd)));
      unlink('d/name-5');
      writeFileSync('d/late', '');
      seek(fd, 0n, 0);
      const again = rest(fd);
      s.say(`${again.includes('name-5')} ${again.includes('late')} ${again.length}`);
      s.attempt('before the start', () => seek(fd, -1n, 0));
      s.attempt('from the end', () => seek(fd, 0n, 2));
    });
  },
  'emptied and removed while it is open': (s) => {
    mkdirSync('d');
    fill(10);
    open(s, (fd) => {
      s.say(summary(readDirents(fd).map(nameOf)));
      rmSync('d', { recursive: true });
      seek(fd, 0n, 0);
      s.attempt('list', () => s.say(rest(fd).join()));
    });
  },
  'a fresh one in its place is another': (s) => {
    mkdirSync('d');
    fill(3);
    open(s, (fd) => {
      renameSync('d', 'moved');
      mkdirSync('d');
      writeFileSync('d/other', '');
      s.say(rest(fd).sort().join());
      s.say(readdirSync('d').join());
    });
  },
  'strange paths': (s) =>
    tryStrangePaths(s, (path) => s.say(readdirSync(path).sort().slice(0, 10).join().slice(0, 100))),
  'modes of the directory': (s) =>
    tryModesOfParent(
      s,
      () => mkdirSync('shut/f'),
      (path) => s.say(readdirSync(path).join()),
    ),
  'modes of what is listed': (s) =>
    tryModesOfParent(
      s,
      () => s.make('regular', 'shut/f'),
      () => s.say(readdirSync('shut').join()),
    ),
};
