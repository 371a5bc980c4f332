import {
  chmodSync,
  constants,
  readdirSync,
  readFileSync,
  readlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { AT, utimensAt } from '../../../src/sys/index.ts';
import { type Cases, octal, tryModesOfParent, tryStrangePaths, withOpen } from './case.ts';
import { lookAt } from './subject.ts';

type Time = bigint | 'now' | 'omit';
const SECOND = 1_000_000_000n;
const PAIRS: readonly (readonly [Time, Time])[] = [
  [1n * SECOND + 1n, 2n * SECOND + 999_999_999n],
  ['now', 'now'],
  ['omit', 'now'],
  ['now', 'omit'],
  ['omit', 'omit'],
  ['omit', 5n * SECOND],
  [5n * SECOND, 'omit'],
  ['now', 5n * SECOND],
];
const INSTANTS = [
  0n,
  -1n,
  -1_500_000_001n,
  (2n ** 31n - 1n) * SECOND,
  2n ** 31n * SECOND + 7n,
  (2n ** 32n + 1n) * SECOND,
  -(2n ** 31n) * SECOND,
  15_000_000_000n * SECOND,
  16_000_000_000n * SECOND,
];
const set = (path: string, [atime, mtime]: readonly [Time, Time]) =>
  utimensAt(AT.FDCWD, path, atime, mtime);

/** Cases of utimensat(2), and of when access times move. */
export const timeCases: Cases = {
  'utimensat: by whom, of what': (s) => {
    for (const type of s.types)
      for (const mode of type === 'regular' ? [0o644, 0o666, 0o444] : [0o646])
        for (const owner of s.users)
          for (const user of s.users)
            for (const pair of PAIRS) {
              s.make(type, 'f', mode, owner);
              set('f', [100n * SECOND, 100n * SECOND]);
              s.attempt(`${type} ${octal(mode)} of ${owner.name} by ${user.name}: ${pair}`, () =>
                s.as(user, () => set('f', pair)),
              );
              const stat = lookAt('f');
              const told = [stat?.atimeNs, stat?.mtimeNs].map((time) =>
                time && time > 1_000_000_000n * SECOND ? 'now' : String(time),
              );
              s.say(told.join());
            }
  },
  'utimensat: moves ctime, and that of a symlink its own': (s) => {
    for (const type of s.types)
      for (const pair of PAIRS) {
        s.make(type, 'f');
        s.times(`${type} ${pair}`, ['f', '.'], () => set('f', pair));
      }
  },
  'utimensat: instants far away': (s) => {
    s.make('regular', 'f');
    for (const instant of INSTANTS) {
      s.attempt(String(instant), () => set('f', [instant, instant]));
      s.say(`${lookAt('f')?.atimeNs} ${lookAt('f')?.mtimeNs}`);
    }
  },
  'utimensat: strange paths': (s) => tryStrangePaths(s, (path) => set(path, ['now', 5n])),
  'utimes: strange paths': (s) => tryStrangePaths(s, (path) => utimesSync(path, 5, 6)),
  'utimensat: modes of the directory': (s) =>
    tryModesOfParent(
      s,
      () => s.make('regular', 'shut/f', 0o666),
      (path) => set(path, ['now', 'now']),
    ),
  'access times move once a file was changed, not where O_NOATIME forbids': (s) => {
    const old = () => set('f', [100n * SECOND, 200n * SECOND]);
    const tell = (label: string) =>
      s.say(`${label}: ${lookAt('f')?.atimeNs === 100n * SECOND ? 'same' : 'moved'}`);
    writeFileSync('f', 'content');
    old();
    readFileSync('f');
    tell('read');
    old();
    withOpen('f', constants.O_RDONLY, () => {});
    tell('opened only');
    old();
    withOpen('f', constants.O_RDONLY | constants.O_NOATIME, (fd) => readFileSync(fd));
    tell('read with O_NOATIME');
    s.make('directory', 'f');
    old();
    readdirSync('f');
    tell('listed');
    old();
    s.make('symlink', 'f');
    old();
    readlinkSync('f');
    tell('link read');
    chmodSync('.', 0o755);
  },
};
