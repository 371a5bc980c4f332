import { chmodSync, chownSync, symlinkSync, unlinkSync } from 'node:fs';
import { type Cases, KEEP, lchown, octal, tryModesOfParent, tryStrangePaths } from './case.ts';
import { one, type Subject } from './subject.ts';

const MODES = [0o0, 0o111, 0o640, 0o777, 0o1644, 0o2755, 0o2644, 0o4755, 0o6711, 0o7777];
const noLinks = (s: Subject) => s.types.filter((type) => type !== 'symlink');

/** Cases of chmod(2), chown(2) and their like. */
export const modeAndOwnerCases: Cases = {
  'chmod: every type and mode, also through a symlink': (s) => {
    for (const type of noLinks(s)) {
      s.make(type, 'f');
      for (const mode of MODES) {
        s.attempt(`${type} ${octal(mode)}`, () => chmodSync('f', mode));
        s.show('f');
      }
      symlinkSync('f', 'link');
      s.attempt('through a symlink', () => chmodSync('link', 0o222));
      s.show('f');
      s.show('link');
      unlinkSync('link');
    }
  },
  'chmod: times of what is changed, and of what is refused': (s) => {
    for (const type of noLinks(s)) {
      s.make(type, 'f');
      s.times(type, ['f', '.'], () => chmodSync('f', 0o111));
      for (const user of s.users) {
        s.times(`${type} ${user.name}`, ['f'], () => s.as(user, () => chmodSync('f', 0o700)));
      }
    }
  },
  'chmod: set-id and sticky bits by owners, members and others': (s) => {
    for (const type of ['regular', 'directory', 'fifo'] as const) {
      for (const user of s.users) {
        for (const gid of s.isRoot ? [user.gid, 65531, 65530] : [user.gid]) {
          s.make(type, 'f', 0o755, user);
          lchown('f', KEEP, gid);
          for (const mode of MODES) {
            s.attempt(`${type} ${user.name} ${gid} ${octal(mode)}`, () =>
              s.as(user, () => chmodSync('f', mode)),
            );
            s.show('f');
          }
        }
      }
    }
  },
  'chmod: strange paths': (s) => tryStrangePaths(s, (path) => chmodSync(path, 0o700)),
  'chown: strange paths': (s) =>
    tryStrangePaths(s, (path) => chownSync(path, s.self.uid, s.self.gid)),
  'lchown: strange paths': (s) =>
    tryStrangePaths(s, (path) => lchown(path, s.self.uid, s.self.gid)),
  'chmod: modes of the directory': (s) =>
    tryModesOfParent(
      s,
      () => s.make('regular', 'shut/f', 0o644, one),
      (path) => chmodSync(path, 0o600),
    ),
  'chown: modes of the directory': (s) =>
    tryModesOfParent(
      s,
      () => s.make('regular', 'shut/f', 0o644, one),
      (path) => lchown(path, KEEP, 65534),
    ),
  'chown: set-id bits, whoever does it': (s) => {
    for (const type of s.types) {
      for (const mode of type === 'regular' ? [0o644, 0o6555, 0o2644, 0o7777] : [0o6555]) {
        for (const user of s.users) {
          for (const [uid, gid] of [
            [user.uid, user.gid],
            [KEEP, 65531],
            [KEEP, 65534],
            [one.uid, KEEP],
            [0, 0],
            [KEEP, 65530],
            [KEEP, KEEP],
          ] as const) {
            s.make(type, 'f', mode, user);
            s.attempt(`${type} ${octal(mode)} ${user.name} ${uid} ${gid}`, () =>
              s.as(user, () => lchown('f', uid, gid)),
            );
            s.show('f');
          }
        }
      }
    }
  },
  'chown: times of what is changed, and of what is refused': (s) => {
    for (const type of s.types) {
      for (const user of s.users) {
        s.make(type, 'f', undefined, one);
        for (const [uid, gid] of [
          [KEEP, KEEP],
          [user.uid, KEEP],
          [KEEP, user.gid],
        ] as const) {
          s.times(`${type} ${user.name} ${uid} ${gid}`, ['f', '.'], () =>
            s.as(user, () => lchown('f', uid, gid)),
          );
        }
      }
    }
  },
};
