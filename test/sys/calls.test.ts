import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Errno, errno } from '../../src/errno.ts';
import {
  AT,
  dataExtents,
  getXattr,
  listXattr,
  openAt,
  openAt2,
  RESOLVE,
  readlinkAt,
  removeXattr,
  setXattr,
  statAt,
  statFd,
  tryLock,
  utimensAt,
} from '../../src/sys/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const thrown = (action: () => unknown): number => {
  try {
    action();
  } catch (error) {
    return (error as Errno).errno;
  }
  return 0;
};

describe('stat', () => {
  it('agrees with Node, to the nanosecond', () => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, 'twelve bytes', { mode: 0o640 });
    utimensAt(AT.FDCWD, path, 1_234_567_890_123_456_789n, -1n);
    const mine = statAt(AT.FDCWD, path);
    const node = statSync(path, { bigint: true });
    expect(mine).toMatchObject({
      ino: node.ino,
      mode: Number(node.mode),
      size: 12n,
      nlink: 1,
      atimeNs: 1_234_567_890_123_456_789n,
      mtimeNs: -1n,
      ctimeNs: node.ctimeNs,
    });
    expect(statAt(AT.FDCWD, '/dev/null').rdev).toBe(Number(statSync('/dev/null').rdev));
  });

  it('throws the one Errno of its number', () => {
    expect(() => statAt(AT.FDCWD, '/no/such/file')).toThrow(Errno.of(errno.ENOENT));
  });

  it('refuses a name with a NUL inside', () => {
    expect(thrown(() => statAt(AT.FDCWD, '/etc\0/passwd'))).toBe(errno.EINVAL);
  });
});

describe('openAt2', () => {
  it('stays beneath its directory', () => {
    const directory = temporaryDirectory();
    symlinkSync('/etc', join(directory, 'out'));
    writeFileSync(join(directory, 'in'), '');
    const root = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    const beneath = (name: string) => openAt2(root, name, constants.O_RDONLY, RESOLVE.BENEATH);
    closeSync(beneath('in'));
    expect(thrown(() => beneath('../x'))).toBe(errno.EXDEV);
    expect(thrown(() => beneath('out/passwd'))).toBe(errno.EXDEV);
    expect(thrown(() => beneath('/etc/passwd'))).toBe(errno.EXDEV);
    closeSync(root);
  });
});

describe('symlinks and O_PATH', () => {
  it('reads a link through its own descriptor', () => {
    const directory = temporaryDirectory();
    symlinkSync('some where', join(directory, 'link'));
    const fd = openAt(AT.FDCWD, join(directory, 'link'), 0o10000000 | constants.O_NOFOLLOW);
    expect(readlinkAt(fd, '').toString()).toBe('some where');
    expect(statFd(fd).mode & constants.S_IFMT).toBe(constants.S_IFLNK);
    closeSync(fd);
  });
});

describe('xattrs', () => {
  it('sets, gets, lists and removes', () => {
    const fd = openSync(join(temporaryDirectory(), 'file'), 'w');
    const value = Buffer.from([0, 1, 255]);
    setXattr(fd, 'user.taskfs.test', value);
    expect(getXattr(fd, 'user.taskfs.test')).toEqual(value);
    expect(listXattr(fd).map(String)).toContain('user.taskfs.test');
    removeXattr(fd, 'user.taskfs.test');
    expect(thrown(() => getXattr(fd, 'user.taskfs.test'))).toBe(errno.ENODATA);
    closeSync(fd);
  });
});

describe('dataExtents', () => {
  it('finds the data between holes', () => {
    const fd = openSync(join(temporaryDirectory(), 'sparse'), 'w+');
    writeSync(fd, 'data', 1 << 20);
    ftruncateSync(fd, 10 << 20);
    const [first, ...others] = dataExtents(fd, 10n << 20n);
    expect(others).toEqual([]);
    expect(first?.start).toBe(1n << 20n);
    expect(first?.end).toBeLessThan(2n << 20n);
    expect([...dataExtents(fd, 1n << 20n)]).toEqual([]);
    closeSync(fd);
  });
});

describe('tryLock', () => {
  it('keeps others out until the descriptor closes', () => {
    const path = join(temporaryDirectory(), 'lock');
    const one = openSync(path, 'w');
    const two = openSync(path, 'r');
    expect(tryLock(one, 'exclusive')).toBe(true);
    expect(tryLock(two, 'shared')).toBe(false);
    closeSync(one);
    expect(tryLock(two, 'exclusive')).toBe(true);
    closeSync(two);
  });
});
