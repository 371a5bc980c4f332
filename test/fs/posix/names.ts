import { strict as assert } from 'node:assert';
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  AT,
  mknodAt,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  renameAt,
  S_IFIFO,
  S_IFSOCK,
} from '../../../src/sys/index.ts';
import { type Checks, refuses } from './check.ts';

/** Checks of names: creating, linking, renaming and removing them. */
export const nameChecks: Checks = {
  'O_EXCL refuses an existing name, and a dangling symlink': (dir) => {
    const file = join(dir, 'file');
    closeSync(openSync(file, 'wx'));
    refuses(() => openSync(file, 'wx'), 'EEXIST');
    symlinkSync('nowhere', join(dir, 'link'));
    refuses(() => openSync(join(dir, 'link'), 'wx'), 'EEXIST');
  },
  'O_CREAT of an existing file opens it': (dir) => {
    writeFileSync(join(dir, 'f'), 'kept');
    closeSync(openSync(join(dir, 'f'), 'a'));
    assert.equal(readFileSync(join(dir, 'f'), 'utf8'), 'kept');
  },
  'a name of 255 bytes works, 256 is ENAMETOOLONG': (dir) => {
    const long = 'n'.repeat(255);
    writeFileSync(join(dir, long), 'x');
    assert.deepEqual(readdirSync(dir), [long]);
    refuses(() => writeFileSync(join(dir, `${long}n`), 'x'), 'ENAMETOOLONG');
  },
  'names with newlines, blanks and quotes': (dir) => {
    const names = ['new\nline', ' ', "it's", 'tab\t', '"', '\\'];
    for (const name of names) writeFileSync(join(dir, name), name);
    assert.deepEqual(readdirSync(dir).sort(), [...names].sort());
    for (const name of names) assert.equal(readFileSync(join(dir, name), 'utf8'), name);
  },
  'names that are no UTF-8 keep their bytes': (dir) => {
    const name = Buffer.from([0x66, 0xff, 0xfe, 0x80]);
    const path = Buffer.concat([Buffer.from(`${dir}/`), name]);
    writeFileSync(path, 'raw');
    assert.deepEqual(readdirSync(dir, { encoding: 'buffer' }), [name]);
    assert.equal(readFileSync(path, 'utf8'), 'raw');
    unlinkSync(path);
    assert.deepEqual(readdirSync(dir), []);
  },
  'a hard link is the same file': (dir) => {
    const [one, two] = [join(dir, 'one'), join(dir, 'two')];
    writeFileSync(one, 'x');
    linkSync(one, two);
    assert.equal(statSync(one).ino, statSync(two).ino);
    assert.equal(statSync(one).nlink, 2);
    writeFileSync(two, 'changed');
    assert.equal(readFileSync(one, 'utf8'), 'changed');
    unlinkSync(one);
    assert.equal(statSync(two).nlink, 1);
  },
  'a hard link onto an existing name is EEXIST, of a directory EPERM': (dir) => {
    writeFileSync(join(dir, 'a'), '');
    writeFileSync(join(dir, 'b'), '');
    refuses(() => linkSync(join(dir, 'a'), join(dir, 'b')), 'EEXIST');
    mkdirSync(join(dir, 'd'));
    refuses(() => linkSync(join(dir, 'd'), join(dir, 'e')), 'EPERM');
  },
  'a hard link of a symlink is the symlink': (dir) => {
    symlinkSync('target', join(dir, 'link'));
    linkSync(join(dir, 'link'), join(dir, 'again'));
    assert.equal(readlinkSync(join(dir, 'again')), 'target');
    assert.equal(lstatSync(join(dir, 'again')).nlink, 2);
  },
  'a symlink keeps its target, dangling or 4095 bytes long': (dir) => {
    const long = 'x'.repeat(4095);
    symlinkSync(long, join(dir, 'long'));
    assert.equal(readlinkSync(join(dir, 'long')), long);
    symlinkSync('nowhere', join(dir, 'dangling'));
    refuses(() => readFileSync(join(dir, 'dangling')), 'ENOENT');
    assert.ok(lstatSync(join(dir, 'dangling')).isSymbolicLink());
  },
  'a loop of symlinks is ELOOP': (dir) => {
    symlinkSync('b', join(dir, 'a'));
    symlinkSync('a', join(dir, 'b'));
    refuses(() => readFileSync(join(dir, 'a')), 'ELOOP');
  },
  'O_NOFOLLOW of a symlink is ELOOP': (dir) => {
    writeFileSync(join(dir, 'f'), '');
    symlinkSync('f', join(dir, 'l'));
    refuses(() => openSync(join(dir, 'l'), constants.O_RDONLY | constants.O_NOFOLLOW), 'ELOOP');
  },
  'rename replaces a file while it is open': (dir) => {
    writeFileSync(join(dir, 'old'), 'old');
    writeFileSync(join(dir, 'new'), 'new');
    const fd = openSync(join(dir, 'old'), 'r');
    renameSync(join(dir, 'new'), join(dir, 'old'));
    assert.equal(readFileSync(join(dir, 'old'), 'utf8'), 'new');
    const buffer = Buffer.alloc(3);
    readSync(fd, buffer, 0, 3, 0);
    assert.equal(buffer.toString(), 'old');
    closeSync(fd);
  },
  'rename of an open file keeps it open': (dir) => {
    writeFileSync(join(dir, 'a'), 'x');
    const fd = openSync(join(dir, 'a'), 'r+');
    mkdirSync(join(dir, 'd'));
    renameSync(join(dir, 'a'), join(dir, 'd', 'b'));
    assert.equal(fstatSync(fd).ino, statSync(join(dir, 'd', 'b')).ino);
    writeFileSync(fd, 'yy');
    closeSync(fd);
    assert.equal(readFileSync(join(dir, 'd', 'b'), 'utf8'), 'yy');
  },
  'rename of a directory takes its tree along': (dir) => {
    mkdirSync(join(dir, 'a/b'), { recursive: true });
    writeFileSync(join(dir, 'a/b/f'), 'deep');
    renameSync(join(dir, 'a'), join(dir, 'c'));
    assert.equal(readFileSync(join(dir, 'c/b/f'), 'utf8'), 'deep');
    refuses(() => renameSync(join(dir, 'c'), join(dir, 'c/b/c')), 'EINVAL');
  },
  'rename onto a directory: empty is replaced, full is ENOTEMPTY, a file is ENOTDIR': (dir) => {
    mkdirSync(join(dir, 'a'));
    mkdirSync(join(dir, 'empty'));
    mkdirSync(join(dir, 'full/x'), { recursive: true });
    writeFileSync(join(dir, 'file'), '');
    renameSync(join(dir, 'a'), join(dir, 'empty'));
    refuses(() => renameSync(join(dir, 'empty'), join(dir, 'full')), 'ENOTEMPTY', 'EEXIST');
    refuses(() => renameSync(join(dir, 'empty'), join(dir, 'file')), 'ENOTDIR');
    refuses(() => renameSync(join(dir, 'file'), join(dir, 'full')), 'EISDIR');
  },
  'RENAME_NOREPLACE refuses an existing name': (dir) => {
    writeFileSync(join(dir, 'a'), 'a');
    writeFileSync(join(dir, 'b'), 'b');
    const rename = (to: string) =>
      renameAt(AT.FDCWD, join(dir, 'a'), AT.FDCWD, join(dir, to), RENAME_NOREPLACE);
    refuses(() => rename('b'), 'EEXIST');
    rename('c');
    assert.deepEqual(readdirSync(dir).sort(), ['b', 'c']);
  },
  'RENAME_EXCHANGE swaps a file and a directory': (dir) => {
    writeFileSync(join(dir, 'file'), 'f');
    mkdirSync(join(dir, 'tree'));
    writeFileSync(join(dir, 'tree/inner'), 'i');
    renameAt(AT.FDCWD, join(dir, 'file'), AT.FDCWD, join(dir, 'tree'), RENAME_EXCHANGE);
    assert.equal(readFileSync(join(dir, 'tree'), 'utf8'), 'f');
    assert.equal(readFileSync(join(dir, 'file/inner'), 'utf8'), 'i');
  },
  'rmdir of a full directory is ENOTEMPTY, of a file ENOTDIR': (dir) => {
    mkdirSync(join(dir, 'd/e'), { recursive: true });
    refuses(() => rmdirSync(join(dir, 'd')), 'ENOTEMPTY', 'EEXIST');
    writeFileSync(join(dir, 'f'), '');
    refuses(() => rmdirSync(join(dir, 'f')), 'ENOTDIR');
    refuses(() => unlinkSync(join(dir, 'd')), 'EISDIR', 'EPERM');
    rmdirSync(join(dir, 'd/e'));
    rmdirSync(join(dir, 'd'));
  },
  'a directory counts its subdirectories in nlink': (dir) => {
    const before = statSync(dir).nlink;
    mkdirSync(join(dir, 'd'));
    assert.equal(statSync(dir).nlink, before + 1);
  },
  'pipes and sockets are made and keep their type': (dir) => {
    mknodAt(AT.FDCWD, join(dir, 'pipe'), S_IFIFO | 0o640, 0);
    mknodAt(AT.FDCWD, join(dir, 'socket'), S_IFSOCK | 0o600, 0);
    assert.ok(lstatSync(join(dir, 'pipe')).isFIFO());
    assert.ok(lstatSync(join(dir, 'socket')).isSocket());
    const { O_WRONLY, O_NONBLOCK } = constants;
    refuses(() => openSync(join(dir, 'pipe'), O_WRONLY | O_NONBLOCK), 'ENXIO');
    const [reader, writer] = ['r+', 'w'].map((flag) => openSync(join(dir, 'pipe'), flag));
    writeFileSync(writer ?? -1, 'through');
    const buffer = Buffer.alloc(7);
    readSync(reader ?? -1, buffer);
    assert.equal(buffer.toString(), 'through');
  },
  'a missing directory is ENOENT, a file as directory ENOTDIR': (dir) => {
    writeFileSync(join(dir, 'f'), '');
    refuses(() => writeFileSync(join(dir, 'no/x'), ''), 'ENOENT');
    refuses(() => statSync(join(dir, 'f/x')), 'ENOTDIR');
  },
  'a directory of 3,000 names is listed whole, each once': (dir) => {
    const names = Array.from({ length: 3000 }, (_, at) => `name-${at}`);
    for (const name of names) writeFileSync(join(dir, name), '');
    assert.deepEqual(readdirSync(dir).sort(), [...names].sort());
  },
  'a tree of 50 levels': (dir) => {
    const deep = join(dir, ...Array.from({ length: 50 }, () => 'deep'));
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(deep, 'f'), 'bottom');
    assert.equal(readFileSync(join(deep, 'f'), 'utf8'), 'bottom');
  },
};
