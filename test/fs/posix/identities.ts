import { strict as assert } from 'node:assert';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { AT, chownAt, copyFileRange, fallocate, setXattr, statAt } from '../../../src/sys/index.ts';
import { type Checks, refuses } from './check.ts';

interface User {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}
const one: User = { uid: 65534, gid: 65534, groups: [] };
const two: User = { uid: 65533, gid: 65533, groups: [] };
const member: User = { uid: 65533, gid: 65533, groups: [65532] };
const PUNCH_HOLE_KEEP_SIZE = 3;
const KEEP = 0xffffffff;

/** Acts as somebody else, as system calls see it. */
function as<T>({ uid, gid, groups }: User, action: () => T): T {
  const [seteuid, setegid] = [process.seteuid, process.setegid];
  const own = process.getgroups?.() ?? [];
  if (!seteuid || !setegid || !process.setgroups) throw new Error('no users here');
  process.setgroups([...groups]);
  setegid(gid);
  seteuid(uid);
  try {
    return action();
  } finally {
    seteuid(0);
    setegid(0);
    process.setgroups([...own]);
  }
}

/** A file with this mode, of this owner. */
function make(dir: string, mode: number, { uid, gid } = { uid: 0, gid: 0 }): string {
  const path = join(dir, 'f');
  writeFileSync(path, 'content');
  chownSync(path, uid, gid);
  chmodSync(path, mode);
  return path;
}

const modeOf = (path: string): number => statSync(path).mode & 0o7777;

function withFile(path: string, flags: string, action: (fd: number) => unknown): void {
  const fd = openSync(path, flags);
  try {
    action(fd);
  } finally {
    closeSync(fd);
  }
}

const ACCESS_LIST = 'system.posix_acl_access';

/** An access control list, as acl(5) has it in an attribute: for the owner, and for user two. */
function accessList(owner: number, named: number): Buffer {
  const entries = [
    [0x01, owner, KEEP],
    [0x02, named, two.uid],
    [0x04, 0, KEEP],
    [0x10, named, KEEP],
    [0x20, 0, KEEP],
  ] as const;
  const list = Buffer.alloc(4 + entries.length * 8);
  list.writeUInt32LE(2);
  for (const [at, [tag, mode, id]] of entries.entries()) {
    list.writeUInt16LE(tag, 4 + at * 8);
    list.writeUInt16LE(mode, 6 + at * 8);
    list.writeUInt32LE(id, 8 + at * 8);
  }
  return list;
}

/** Ways to change what is in a file. */
const changes: Readonly<Record<string, (path: string) => void>> = {
  write: (path) => withFile(path, 'r+', (fd) => writeSync(fd, 'x')),
  append: (path) => withFile(path, 'a', (fd) => writeSync(fd, 'x')),
  truncate: (path) => truncateSync(path, 3),
  ftruncate: (path) => withFile(path, 'r+', (fd) => ftruncateSync(fd, 3)),
  O_TRUNC: (path) => withFile(path, 'w', () => {}),
  fallocate: (path) => withFile(path, 'r+', (fd) => fallocate(fd, 0, 0n, 8192n)),
  'a punched hole': (path) =>
    withFile(path, 'r+', (fd) => fallocate(fd, PUNCH_HOLE_KEEP_SIZE, 0n, 4n)),
  copy_file_range: (path) =>
    withFile(path, 'r+', (fd) => {
      withFile(path, 'r', (from) => copyFileRange(from, 0n, fd, 100n, 4));
    }),
};

/** Checks of who may do what, to be run by root where others may enter. */
export const identityChecks: Checks = {
  'mode bits judge owner, group, supplementary group and others': (dir) => {
    const path = make(dir, 0o640, { uid: one.uid, gid: 65532 });
    as(one, () => writeFileSync(path, 'mine'));
    as(member, () => assert.equal(readFileSync(path, 'utf8'), 'mine'));
    as(member, () => refuses(() => writeFileSync(path, ''), 'EACCES'));
    as(two, () => refuses(() => readFileSync(path), 'EACCES'));
    chmodSync(path, 0o060);
    as(one, () => refuses(() => readFileSync(path), 'EACCES'));
    as(member, () => writeFileSync(path, 'ours'));
  },
  'a directory wants the x bit to enter, r to list, w and x to change': (dir) => {
    const inner = join(dir, 'd');
    mkdirSync(inner);
    writeFileSync(join(inner, 'f'), 'x', { mode: 0o644 });
    chmodSync(inner, 0o711);
    as(two, () => assert.equal(readFileSync(join(inner, 'f'), 'utf8'), 'x'));
    as(two, () => refuses(() => readdirSync(inner), 'EACCES'));
    chmodSync(inner, 0o744);
    as(two, () => assert.deepEqual(readdirSync(inner), ['f']));
    as(two, () => refuses(() => lstatSync(join(inner, 'f')), 'EACCES'));
    chmodSync(inner, 0o755);
    as(two, () => refuses(() => unlinkSync(join(inner, 'f')), 'EACCES'));
    as(two, () => refuses(() => mkdirSync(join(inner, 'g')), 'EACCES'));
    chmodSync(inner, 0o777);
    as(two, () => unlinkSync(join(inner, 'f')));
  },
  'in a sticky directory only owners remove and rename': (dir) => {
    const shared = join(dir, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    const path = join(shared, 'f');
    const other = join(shared, 'other');
    as(one, () => writeFileSync(path, 'one'));
    as(two, () => {
      refuses(() => unlinkSync(path), 'EPERM', 'EACCES');
      refuses(() => renameSync(path, other), 'EPERM', 'EACCES');
      writeFileSync(other, '');
      refuses(() => renameSync(other, path), 'EPERM', 'EACCES');
      mkdirSync(join(shared, 'd'));
    });
    as(one, () => refuses(() => rmdirSync(join(shared, 'd')), 'EPERM', 'EACCES'));
    as(one, () => renameSync(path, join(shared, 'mine')));
    chownSync(shared, two.uid, two.gid);
    as(two, () => unlinkSync(join(shared, 'mine')));
  },
  'what a user makes is theirs, in a setgid directory its group is the directory’s': (dir) => {
    chmodSync(dir, 0o777);
    const group = join(dir, 'group');
    mkdirSync(group);
    chownSync(group, 0, 65531);
    chmodSync(group, 0o2777);
    for (const [where, gid] of [
      [dir, two.gid],
      [group, 65531],
    ] as const) {
      as(two, () => {
        writeFileSync(join(where, 'file'), '');
        mkdirSync(join(where, 'directory'));
        symlinkSync('x', join(where, 'link'));
        linkSync(join(where, 'file'), join(where, 'again'));
      });
      for (const name of ['file', 'directory', 'link', 'again']) {
        const { uid, gid: found } = lstatSync(join(where, name));
        assert.deepEqual([uid, found], [two.uid, gid], name);
      }
    }
  },
  'a file may be made with set-id bits, setgid in a setgid directory by members of its group': (
    dir,
  ) => {
    chmodSync(dir, 0o777);
    const group = join(dir, 'group');
    mkdirSync(group);
    chownSync(group, 0, 65532);
    chmodSync(group, 0o2777);
    const made = (who: User, path: string, mode: number): number => {
      as(who, () => closeSync(openSync(path, 'wx', mode)));
      return modeOf(path);
    };
    assert.equal(made(two, join(dir, 'plain'), 0o6755), 0o6755);
    assert.equal(made(member, join(group, 'member'), 0o2755), 0o2755);
    assert.equal(made(two, join(group, 'other'), 0o2755), 0o755);
    as(two, () => mkdirSync(join(group, 'below')));
    const { mode, gid } = statSync(join(group, 'below'));
    assert.deepEqual([mode & 0o7777, gid], [0o2755, 65532]);
  },
  'changing a file takes set-id bits away, unless root does it': (dir) => {
    for (const [how, change] of Object.entries(changes)) {
      const path = make(dir, 0o6777);
      as(two, () => change(path));
      assert.equal(modeOf(path), 0o777, how);
      chmodSync(path, 0o6777);
      change(path);
      assert.equal(modeOf(path), 0o6777, `${how} by root`);
      chmodSync(path, 0o6777);
      chownSync(path, two.uid, two.gid);
      chmodSync(path, 0o6777);
      as(two, () => change(path));
      assert.equal(modeOf(path), 0o777, `${how} by the owner`);
      unlinkSync(path);
    }
  },
  'set-group-id without execution by the group stays for members alone': (dir) => {
    for (const [how, change] of Object.entries(changes)) {
      const path = make(dir, 0o2766, { uid: 0, gid: 65532 });
      as(member, () => change(path));
      assert.equal(modeOf(path), 0o2766, `${how} by a member`);
      as(two, () => change(path));
      assert.equal(modeOf(path), 0o766, `${how} by another`);
      unlinkSync(path);
    }
  },
  'an owner gives a file to a group of theirs, and nothing else away': (dir) => {
    const path = make(dir, 0o6755, member);
    as(member, () => chownSync(path, member.uid, 65532));
    assert.equal(statSync(path).gid, 65532);
    assert.equal(modeOf(path), 0o755);
    as(member, () => refuses(() => chownSync(path, member.uid, 65531), 'EPERM'));
    as(member, () => refuses(() => chownSync(path, one.uid, 65532), 'EPERM'));
    as(one, () => refuses(() => chownSync(path, one.uid, one.gid), 'EPERM'));
  },
  'chown to nobody at all moves ctime alone': (dir) => {
    const path = make(dir, 0o644);
    const before = statAt(AT.FDCWD, path);
    while (BigInt(Date.now()) * 1_000_000n < before.ctimeNs + 10_000_000n);
    chownAt(AT.FDCWD, path, KEEP, KEEP);
    const after = statAt(AT.FDCWD, path);
    assert.deepEqual([after.uid, after.gid, after.mtimeNs], [0, 0, before.mtimeNs]);
    assert.ok(after.ctimeNs > before.ctimeNs);
  },
  'chmod is for the owner, and setgid for members of the group': (dir) => {
    const path = make(dir, 0o644, { uid: one.uid, gid: 65532 });
    as(two, () => refuses(() => chmodSync(path, 0o666), 'EPERM'));
    as(one, () => chmodSync(path, 0o2755));
    assert.equal(modeOf(path), 0o755);
    chownSync(path, one.uid, one.gid);
    as(one, () => chmodSync(path, 0o2755));
    assert.equal(modeOf(path), 0o2755);
  },
  'who may write sets times to now, only the owner to what they like': (dir) => {
    const path = make(dir, 0o666, one);
    as(two, () => refuses(() => utimesSync(path, 1, 1), 'EPERM'));
    as(one, () => utimesSync(path, 1, 1));
    as(two, () => withFile(path, 'r+', (fd) => writeSync(fd, 'x')));
    assert.ok(statSync(path).mtimeMs > 1000);
  },
  'an access control list lets in whom it names': (dir) => {
    const path = make(dir, 0o600);
    withFile(path, 'r', (fd) => setXattr(fd, ACCESS_LIST, accessList(6, 4)));
    as(two, () => assert.equal(readFileSync(path, 'utf8'), 'content'));
    as(two, () => refuses(() => openSync(path, constants.O_WRONLY), 'EACCES'));
    as(one, () => refuses(() => readFileSync(path), 'EACCES'));
  },
  'who changes an access list and is not of the group takes setgid away': (dir) => {
    const file = make(dir, 0o2755, { uid: one.uid, gid: 65532 });
    const inner = join(dir, 'd');
    mkdirSync(inner);
    chownSync(inner, one.uid, 65532);
    const owner = { ...one, groups: [65532] };
    for (const path of [file, inner]) {
      const change = () => withFile(path, 'r', (fd) => setXattr(fd, ACCESS_LIST, accessList(7, 5)));
      chmodSync(path, 0o2755);
      as(owner, change);
      assert.equal(modeOf(path) & 0o2000, 0o2000, 'a member');
      as(one, change);
      assert.equal(modeOf(path) & 0o2000, 0, 'another');
      chmodSync(path, 0o2755);
      change();
      assert.equal(modeOf(path) & 0o2000, 0o2000, 'root');
    }
  },
};
