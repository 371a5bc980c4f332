import { createHash } from 'node:crypto';
import {
  chmodSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { bindTruncate, copyFileRange, fallocate, SEEK_DATA, SEEK_HOLE, seek } from './calls.ts';
import { type Cases, octal, tryModesOfParent, tryStrangePaths, withOpen } from './case.ts';
import type { Subject } from './subject.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_TRUNC } = constants;
const SIZES = [
  0n,
  1n,
  7n,
  4095n,
  4096n,
  4097n,
  1_234_567n,
  -1n,
  -9_000_000_000n,
  2n ** 31n,
  2n ** 32n + 5n,
  2n ** 40n,
];
const { truncate, ftruncate } = bindTruncate();
const MODES = {
  reserve: 0,
  'reserve, keep size': 1,
  punch: 3,
  'punch without keep': 2,
  'zero range': 0x10,
  'zero range, keep size': 0x11,
  unshare: 0x40,
  unknown: 0x100,
  'punch and zero': 0x13,
} as const;

function content(s: Subject): void {
  s.attempt('content', () => {
    const bytes = readFileSync('f');
    s.say(
      `  ${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`,
    );
  });
}

const FULL = Buffer.from(Array.from({ length: 40_000 }, (_, at) => (at % 255) + 1));

/** A file of 40,000 bytes, none of them 0. */
function fill(s: Subject): void {
  s.make('regular', 'f', 0o666);
  writeFileSync('f', FULL);
}

/** Cases of truncate(2), fallocate(2), lseek(2), copy_file_range(2). */
export const sizeCases: Cases = {
  'truncate and ftruncate: sizes': (s) => {
    for (const size of SIZES) {
      fill(s);
      s.attempt(`truncate ${size}`, () => truncate('f', size));
      s.show('f');
      if (size < 10_000_000n) content(s);
      fill(s);
      withOpen('f', O_RDWR, (fd) => s.attempt(`ftruncate ${size}`, () => ftruncate(fd, size)));
      s.show('f');
      if (size < 10_000_000n) content(s);
    }
  },
  'truncate: of every type': (s) => {
    for (const type of s.types.filter((name) => name !== 'block' && name !== 'char')) {
      s.make(type, 'f');
      s.attempt(type, () => truncate('f', 5n));
      s.show('f');
    }
  },
  'truncate: strange paths': (s) => tryStrangePaths(s, (path) => truncate(path, 3n)),
  'truncate: modes of the directory': (s) =>
    tryModesOfParent(
      s,
      () => s.make('regular', 'shut/f', 0o666),
      (path) => truncate(path, 3n),
    ),
  'truncate: by whom, set-id bits and times': (s) => {
    for (const mode of [0o644, 0o666, 0o6777, 0o2766, 0o444])
      for (const owner of s.users)
        for (const user of s.users)
          for (const size of [0n, 3n, 40_000n]) {
            fill(s);
            s.own('f', owner);
            chmodSync('f', mode);
            s.times(`${octal(mode)} of ${owner.name} by ${user.name} to ${size}`, ['f'], () =>
              s.as(user, () => truncate('f', size)),
            );
            s.show('f');
          }
  },
  'ftruncate: of descriptors that may not': (s) => {
    for (const flags of [O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND]) {
      fill(s);
      withOpen('f', flags, (fd) => {
        s.times(`ftruncate ${flags}`, ['f'], () => ftruncate(fd, 5n));
        s.attempt(`fallocate ${flags}`, () => fallocate(fd, 0, 0n, 100_000n));
        s.attempt('fsync', () => fsyncSync(fd));
        s.attempt('fdatasync', () => fdatasyncSync(fd));
      });
      s.show('f');
    }
    withOpen('.', O_RDONLY, (fd) => {
      s.attempt('ftruncate a directory', () => ftruncate(fd, 5n));
      s.attempt('fallocate a directory', () => fallocate(fd, 0, 0n, 5n));
      s.attempt('fsync a directory', () => fsyncSync(fd));
    });
  },
  'O_TRUNC: set-id bits and times': (s) => {
    for (const user of s.users)
      for (const how of [O_WRONLY, O_RDWR, O_RDONLY]) {
        fill(s);
        chmodSync('f', 0o6777);
        s.times(`${user.name} ${how}`, ['f', '.'], () =>
          s.as(user, () => withOpen('f', how | O_TRUNC, () => {})),
        );
        s.show('f');
        s.times(`${user.name} ${how} of an empty one`, ['f', '.'], () =>
          s.as(user, () => withOpen('f', how | O_TRUNC, () => {})),
        );
      }
  },
  'fallocate: modes, offsets and lengths': (s) => {
    for (const [name, mode] of Object.entries(MODES))
      for (const [offset, length] of [
        [0n, 4096n],
        [100n, 5000n],
        [39_000n, 100_000n],
        [8192n, 8192n],
        [0n, 0n],
        [-1n, 5n],
        [5n, -1n],
        [2n ** 62n, 2n ** 62n],
        [50_000n, 10n],
      ] as const) {
        fill(s);
        withOpen('f', O_RDWR, (fd) =>
          s.times(`${name} ${offset} ${length}`, ['f'], () => fallocate(fd, mode, offset, length)),
        );
        s.show('f');
        content(s);
      }
  },
  'writing: times, set-id bits, O_APPEND': (s) => {
    for (const flags of [O_WRONLY, O_RDWR, O_WRONLY | O_APPEND])
      for (const user of s.users) {
        fill(s);
        chmodSync('f', 0o6777);
        const data = Buffer.alloc(8192, 'x');
        withOpen('f', flags, (fd) => {
          s.times(`${flags} ${user.name}`, ['f'], () =>
            s.as(user, () => writeSync(fd, data, 0, 4096, 4096)),
          );
          s.times('nothing', ['f'], () => s.as(user, () => writeSync(fd, data, 0, 0, 0)));
        });
        s.show('f');
        content(s);
      }
  },
  'lseek: data, holes and ends': (s) => {
    s.make('regular', 'f');
    withOpen('f', O_RDWR, (fd) => {
      for (const at of [0, 1 << 20, 5 << 20]) writeSync(fd, Buffer.alloc(65536, 'd'), 0, 65536, at);
      ftruncateSync(fd, 8 << 20);
      fsyncSync(fd);
      for (const whence of [0, 1, 2, SEEK_DATA, SEEK_HOLE, 9])
        for (const offset of [
          0n,
          5n,
          65_535n,
          65_536n,
          1n << 20n,
          (5n << 20n) + 70_000n,
          (8n << 20n) - 1n,
          8n << 20n,
          9n << 20n,
          -1n,
        ]) {
          s.attempt(`${whence} ${offset}`, () => s.say(String(seek(fd, offset, whence))));
          seek(fd, 0n, 0);
        }
    });
  },
  'copy_file_range: within, between, over, past the end': (s) => {
    for (const [from, to, length] of [
      [0n, 0n, 100],
      [0n, 30_000n, 20_000],
      [39_990n, 0n, 100],
      [50_000n, 0n, 100],
      [0n, 100_000n, 40_000],
      [0n, 5n, 0],
      [-1n, 0n, 5],
    ] as const) {
      fill(s);
      writeFileSync('g', 'other');
      withOpen('f', O_RDONLY, (source) =>
        withOpen('g', O_RDWR, (target) => {
          s.times(`between ${from} ${to} ${length}`, ['f', 'g'], () =>
            s.say(String(copyFileRange(source, from, target, to, length))),
          );
          s.say(String(fstatSync(target).size));
        }),
      );
      withOpen('f', O_RDWR, (both) =>
        s.attempt(`within ${from} ${to} ${length}`, () =>
          s.say(String(copyFileRange(both, from, both, to, length))),
        ),
      );
      content(s);
    }
    fill(s);
    withOpen('f', O_RDONLY, (one) =>
      withOpen('f', O_RDONLY, (two) =>
        s.attempt('to one not open for writing', () => copyFileRange(one, 0n, two, 0n, 5)),
      ),
    );
    withOpen('f', O_WRONLY, (one) =>
      withOpen('f', O_WRONLY, (two) =>
        s.attempt('from one not open for reading', () => copyFileRange(one, 0n, two, 0n, 5)),
      ),
    );
    withOpen('f', O_RDONLY, (one) =>
      withOpen('f', O_WRONLY | O_APPEND, (two) =>
        s.attempt('to one that appends', () => copyFileRange(one, 0n, two, 0n, 5)),
      ),
    );
    withOpen('.', O_RDONLY, (one) =>
      withOpen('f', O_WRONLY, (two) =>
        s.attempt('from a directory', () => copyFileRange(one, 0n, two, 0n, 5)),
      ),
    );
  },
};
