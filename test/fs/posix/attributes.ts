import { strict as assert } from 'node:assert';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  AT,
  getXattr,
  listXattr,
  removeXattr,
  setXattr,
  statAt,
  utimensAt,
} from '../../../src/sys/index.ts';
import { type Checks, refuses } from './check.ts';

const withFd = <T>(path: string, action: (fd: number) => T): T => {
  const fd = openSync(path, 'r');
  try {
    return action(fd);
  } finally {
    closeSync(fd);
  }
};

/** An access ACL, version 2: user rw-, uid 1 r--, group r--, mask r--, other ---. */
const ACL = Buffer.from(
  '0200000001000600ffffffff020004000100000004000400ffffffff10000400ffffffff20000000ffffffff',
  'hex',
);

/** Checks of attributes: modes, times, extended attributes. */
export const attributeChecks: Checks = {
  'chmod keeps every bit, set-id and sticky too': (dir) => {
    writeFileSync(join(dir, 'f'), '');
    for (const mode of [0o000, 0o777, 0o640, 0o4755, 0o1644]) {
      chmodSync(join(dir, 'f'), mode);
      assert.equal(statSync(join(dir, 'f')).mode & 0o7777, mode);
    }
    mkdirSync(join(dir, 'd'));
    chmodSync(join(dir, 'd'), 0o3775);
    assert.equal(statSync(join(dir, 'd')).mode & 0o7777, 0o3775);
  },
  'the umask applies once': (dir) => {
    const before = process.umask(0o027);
    writeFileSync(join(dir, 'f'), '', { mode: 0o666 });
    mkdirSync(join(dir, 'd'), { mode: 0o777 });
    process.umask(0);
    writeFileSync(join(dir, 'g'), '', { mode: 0o666 });
    process.umask(before);
    assert.equal(statSync(join(dir, 'f')).mode & 0o777, 0o640);
    assert.equal(statSync(join(dir, 'd')).mode & 0o777, 0o750);
    assert.equal(statSync(join(dir, 'g')).mode & 0o777, 0o666);
  },
  'a file made read-only in creation can be written by its maker': (dir) => {
    const fd = openSync(join(dir, 'f'), constants.O_CREAT | constants.O_WRONLY, 0o444);
    writeFileSync(fd, 'once');
    fchmodSync(fd, 0o400);
    closeSync(fd);
    assert.equal(readFileSync(join(dir, 'f'), 'utf8'), 'once');
    assert.equal(statSync(join(dir, 'f')).mode & 0o777, 0o400);
  },
  'things made in a setgid directory take its group, directories the bit': (dir) => {
    mkdirSync(join(dir, 'shared'));
    chmodSync(join(dir, 'shared'), 0o2775);
    mkdirSync(join(dir, 'shared/below'));
    assert.equal(statSync(join(dir, 'shared/below')).mode & 0o2000, 0o2000);
  },
  'times in nanoseconds, one left out, one taken from the clock': (dir) => {
    const path = join(dir, 'f');
    writeFileSync(path, '');
    const [atime, mtime] = [1_000_000_000_123_456_789n, 1_500_000_000_987_654_321n];
    utimensAt(AT.FDCWD, path, atime, mtime);
    assert.equal(statAt(AT.FDCWD, path).atimeNs, atime);
    assert.equal(statAt(AT.FDCWD, path).mtimeNs, mtime);
    utimensAt(AT.FDCWD, path, 'omit', 42n);
    assert.equal(statAt(AT.FDCWD, path).atimeNs, atime);
    assert.equal(statAt(AT.FDCWD, path).mtimeNs, 42n);
    const before = BigInt(Date.now() - 1000) * 1_000_000n;
    utimensAt(AT.FDCWD, path, 'now', 'omit');
    assert.ok(statAt(AT.FDCWD, path).atimeNs >= before);
    assert.equal(statAt(AT.FDCWD, path).mtimeNs, 42n);
  },
  'times before 1970': (dir) => {
    const path = join(dir, 'f');
    writeFileSync(path, '');
    utimensAt(AT.FDCWD, path, -1_500_000_000n, -1_500_000_000n);
    assert.equal(statAt(AT.FDCWD, path).mtimeNs, -1_500_000_000n);
  },
  'equal access and modification times in milliseconds': (dir) => {
    const path = join(dir, 'f');
    writeFileSync(path, '');
    utimesSync(path, 1_600_000_000.5, 1_600_000_000.5);
    assert.equal(statSync(path).mtimeMs, 1_600_000_000_500);
  },
  "a symlink's own times": (dir) => {
    symlinkSync('x', join(dir, 'l'));
    lutimesSync(join(dir, 'l'), 1_000_000, 1_000_000);
    assert.equal(lstatSync(join(dir, 'l')).mtimeMs, 1_000_000_000);
  },
  'writing moves mtime and ctime, chmod moves ctime only': (dir) => {
    const path = join(dir, 'f');
    writeFileSync(path, '');
    utimensAt(AT.FDCWD, path, 1n, 1n);
    const created = statAt(AT.FDCWD, path);
    chmodSync(path, 0o600);
    assert.equal(statAt(AT.FDCWD, path).mtimeNs, 1n);
    assert.ok(statAt(AT.FDCWD, path).ctimeNs >= created.ctimeNs);
    writeFileSync(path, 'x');
    assert.ok(statAt(AT.FDCWD, path).mtimeNs > 1n);
  },
  'user xattrs: set, get, list, replace, remove': (dir) => {
    writeFileSync(join(dir, 'f'), '');
    withFd(join(dir, 'f'), (fd) => {
      setXattr(fd, 'user.one', Buffer.from('1'));
      setXattr(fd, 'user.two', Buffer.alloc(1000, 7));
      assert.deepEqual(listXattr(fd).map(String).sort(), ['user.one', 'user.two']);
      assert.deepEqual(getXattr(fd, 'user.two'), Buffer.alloc(1000, 7));
      refuses(() => setXattr(fd, 'user.one', Buffer.from('x'), 1), 'EEXIST');
      refuses(() => setXattr(fd, 'user.new', Buffer.from('x'), 2), 'ENODATA');
      removeXattr(fd, 'user.one');
      refuses(() => getXattr(fd, 'user.one'), 'ENODATA');
      refuses(() => removeXattr(fd, 'user.one'), 'ENODATA');
    });
  },
  'xattrs of directories, and empty values': (dir) => {
    withFd(dir, (fd) => {
      setXattr(fd, 'user.empty', Buffer.alloc(0));
      assert.equal(getXattr(fd, 'user.empty').length, 0);
    });
  },
  'an access ACL is kept and shows in the mode': (dir) => {
    const path = join(dir, 'f');
    writeFileSync(path, '', { mode: 0o600 });
    withFd(path, (fd) => {
      setXattr(fd, 'system.posix_acl_access', ACL);
      assert.deepEqual(getXattr(fd, 'system.posix_acl_access'), ACL);
    });
    assert.equal(statSync(path).mode & 0o777, 0o640);
  },
  'access tells what may be done': (dir) => {
    writeFileSync(join(dir, 'f'), '', { mode: 0o600 });
    accessSync(join(dir, 'f'), constants.R_OK | constants.W_OK);
    refuses(() => accessSync(join(dir, 'f'), constants.X_OK), 'EACCES');
    refuses(() => accessSync(join(dir, 'g')), 'ENOENT');
  },
  'truncating by path moves mtime': (dir) => {
    const path = join(dir, 'f');
    writeFileSync(path, 'xx');
    utimensAt(AT.FDCWD, path, 1n, 1n);
    truncateSync(path, 1);
    assert.ok(statAt(AT.FDCWD, path).mtimeNs > 1n);
  },
  'blocks and blksize are those of the file beneath': (dir) => {
    writeFileSync(join(dir, 'f'), Buffer.alloc(100_000, 1));
    const stat = statSync(join(dir, 'f'));
    assert.equal(stat.size, 100_000);
    assert.ok(stat.blksize >= 512);
  },
};
