import { chmodSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { bind, check } from '../../../src/sys/index.ts';
import { cstring } from '../../../src/sys/libc.ts';
import { type Cases, octal, tryModesOfParent, tryStrangePaths, withOpen } from './case.ts';
import { one, type Subject, two } from './subject.ts';

const c = {
  set: bind('int lsetxattr(const void *, const void *, const void *, size_t, int)'),
  get: bind('int64_t lgetxattr(const void *, const void *, void *, size_t)'),
  list: bind('int64_t llistxattr(const void *, void *, size_t)'),
  remove: bind('int lremovexattr(const void *, const void *)'),
};
const set = (path: string, name: string, value: Uint8Array | string, flags = 0) =>
  check(
    c.set(
      cstring(path),
      Buffer.from(`${name}\0`),
      Buffer.from(value),
      Buffer.from(value).length,
      flags,
    ),
  );
function get(path: string, name: string, size = 70_000): string {
  const buffer = Buffer.alloc(Math.max(size, 1));
  const length = check(c.get(cstring(path), Buffer.from(`${name}\0`), buffer, size));
  return `${length} ${buffer.subarray(0, Math.min(size, length)).toString('hex').slice(0, 400)}`;
}
function list(path: string, size = 70_000): string {
  const buffer = Buffer.alloc(Math.max(size, 1));
  const length = check(c.list(cstring(path), buffer, size));
  return size === 0
    ? String(length)
    : buffer.subarray(0, length).toString('latin1').split('\0').filter(Boolean).sort().join();
}
const remove = (path: string, name: string) =>
  check(c.remove(cstring(path), Buffer.from(`${name}\0`)));

const NAMES = [
  'user.a',
  'user.',
  'user',
  '',
  'nothing.known',
  'trusted.a',
  'security.a',
  'system.a',
  `user.${'x'.repeat(250)}`,
  `user.${'x'.repeat(251)}`,
];

/** An access control list from entries of tag, permissions and id. */
function acl(
  ...entries: readonly (readonly [tag: number, permissions: number, id?: number])[]
): Buffer {
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2);
  for (const [at, [tag, permissions, id = 0xffffffff]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + at * 8);
    bytes.writeUInt16LE(permissions, 6 + at * 8);
    bytes.writeUInt32LE(id, 8 + at * 8);
  }
  return bytes;
}
const [OWNER, USER, GROUP, A_GROUP, MASK, OTHER] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20];
const ACLS: Readonly<Record<string, Buffer>> = {
  plain: acl([OWNER, 6], [GROUP, 4], [OTHER, 0]),
  named: acl([OWNER, 7], [USER, 5, two.uid], [GROUP, 0], [MASK, 5], [OTHER, 0]),
  masked: acl(
    [OWNER, 6],
    [USER, 7, one.uid],
    [GROUP, 7],
    [A_GROUP, 6, 65531],
    [MASK, 4],
    [OTHER, 1],
  ),
  'without a mask': acl([OWNER, 6], [USER, 7, one.uid], [GROUP, 7], [OTHER, 1]),
  empty: acl(),
  'no list': Buffer.from('nonsense'),
};
const KINDS = ['system.posix_acl_access', 'system.posix_acl_default'];

function makeAllBelow(s: Subject): void {
  for (const [name, make] of Object.entries({
    file: () => withOpen('d/f', constants.O_CREAT | constants.O_RDWR, () => {}, 0o666),
    directory: () => mkdirSync('d/f', { mode: 0o777 }),
    fifo: () => s.make('fifo', 'd/f'),
    symlink: () => s.make('symlink', 'd/f'),
  })) {
    s.attempt(name, make);
    s.show('d/f');
    for (const kind of KINDS) s.attempt(kind, () => s.say(get('d/f', kind)));
    s.clear('d/f');
  }
}

/** Cases of extended attributes and access control lists. */
export const attributeCases: Cases = {
  'names, of every type, by whom': (s) => {
    for (const type of s.types)
      for (const user of s.users)
        for (const name of NAMES) {
          s.make(type, 'f', 0o644, one);
          const act = (action: () => unknown) => s.outcome(() => s.as(user, action));
          const ends = [
            act(() => set('f', name, 'value')),
            act(() => set('f', name, 'again', 1)),
            act(() => set('f', name, 'more', 2)),
            act(() => s.say(get('f', name))),
            act(() => s.say(list('f'))),
            act(() => remove('f', name)),
            act(() => remove('f', name)),
            act(() => get('f', name)),
            act(() => set('f', name, 'x', 2)),
            act(() => set('f', name, 'x', 4)),
          ];
          s.say(`${type} ${user.name} '${name.slice(0, 20)}' ${ends}`);
        }
  },
  'values: sizes, and buffers too small': (s) => {
    s.make('regular', 'f');
    for (const size of [0, 1, 100, 2000, 65_536, 65_537]) {
      s.attempt(`set ${size}`, () => set('f', 'user.v', Buffer.alloc(size, 'v')));
      for (const room of [0, 1, 50, 100, 70_000])
        s.attempt(`get ${room}`, () => s.say(get('f', 'user.v', room)));
      for (const room of [0, 1, 7, 70_000]) s.attempt(`list ${room}`, () => s.say(list('f', room)));
    }
  },
  'times: set, replaced, removed, refused': (s) => {
    for (const type of ['regular', 'directory'] as const) {
      s.make(type, 'f');
      s.times('set', ['f', '.'], () => set('f', 'user.a', '1'));
      s.times('again', ['f', '.'], () => set('f', 'user.a', '2'));
      s.times('refused', ['f'], () => set('f', 'user.a', '2', 1));
      s.times('removed', ['f'], () => remove('f', 'user.a'));
      s.times('refused', ['f'], () => remove('f', 'user.a'));
    }
  },
  'strange paths': (s) => {
    tryStrangePaths(s, (path) => set(path, 'user.a', '1'));
    mkdirSync('listed');
    process.chdir('listed');
    tryStrangePaths(s, (path) => s.say(list(path)));
  },
  'modes of the directory': (s) =>
    tryModesOfParent(
      s,
      () => s.make('regular', 'shut/f', 0o666),
      (path) => set(path, 'user.a', 'x'),
    ),
  'modes of the file': (s) => {
    for (const mode of [0, 0o400, 0o200, 0o444, 0o666])
      for (const user of s.users) {
        s.make('regular', 'f', 0o600);
        set('f', 'user.a', 'x');
        chmodSync('f', mode);
        const ends = [
          () => get('f', 'user.a'),
          () => list('f'),
          () => set('f', 'user.a', 'y'),
          () => remove('f', 'user.a'),
        ].map((act) => s.outcome(() => s.as(user, act as () => unknown)));
        s.say(`${octal(mode)} ${user.name} ${ends}`);
      }
  },
  'access control lists: on every type, with the mode that follows': (s) => {
    for (const type of s.types)
      for (const kind of KINDS)
        for (const [name, value] of Object.entries(ACLS)) {
          s.make(type, 'f', 0o2751);
          s.times(`${type} ${kind} ${name}`, ['f'], () => set('f', kind, value));
          s.show('f');
          s.attempt('get', () => s.say(get('f', kind)));
          s.attempt('chmod', () => chmodSync('f', 0o624));
          s.attempt('get', () => s.say(get('f', kind)));
          s.attempt('list', () => s.say(list('f')));
          s.attempt('remove', () => remove('f', kind));
          s.show('f');
        }
  },
  'access control lists: set by whom': (s) => {
    for (const owner of s.users)
      for (const user of s.users) {
        s.make('regular', 'f', 0o2755, owner);
        s.attempt(`${owner.name} ${user.name}`, () =>
          s.as(user, () => set('f', 'system.posix_acl_access', ACLS.named ?? '')),
        );
        s.show('f');
      }
  },
  'default lists: what is made below, under every umask': (s) => {
    for (const [name, value] of Object.entries(ACLS).slice(0, 3))
      for (const mask of [0, 0o027, 0o777]) {
        s.make('directory', 'd', 0o2777);
        s.attempt(name, () => set('d', 'system.posix_acl_default', value));
        const before = process.umask(mask);
        s.say(`umask ${octal(mask)}`);
        makeAllBelow(s);
        process.umask(before);
      }
  },
  'access control lists judge': (s) => {
    for (const [name, value] of Object.entries(ACLS).slice(0, 3))
      for (const type of ['regular', 'directory'] as const)
        for (const user of s.users) {
          s.make(type, 'f', 0o700);
          s.attempt(name, () => set('f', 'system.posix_acl_access', value));
          const ends = [constants.O_RDONLY, constants.O_WRONLY, constants.O_RDWR].map((flags) =>
            s.outcome(() => s.as(user, () => withOpen('f', flags, () => {}))),
          );
          const made = s.outcome(() => s.as(user, () => writeFileSync('f/g', '')));
          s.say(`${type} ${user.name} ${ends} ${made}`);
        }
  },
};
