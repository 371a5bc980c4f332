import { strict as assert } from 'node:assert';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statfsSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  copyFileRange,
  fallocate,
  findRecordLock,
  O_TMPFILE,
  readDirents,
  SEEK_DATA,
  SEEK_HOLE,
  seek,
  setRecordLock,
  tryLock,
} from '../../../src/sys/index.ts';
import { type Checks, refuses } from './check.ts';

const GIB = 1024 ** 3;
const PUNCH_HOLE_KEEP_SIZE = 3;

/** Checks of open files: reading, writing, sizes, holes, locks. */
export const fileChecks: Checks = {
  'O_APPEND writes at the end, also after another writer': (dir) => {
    const path = join(dir, 'log');
    const [one, two] = [openSync(path, 'a'), openSync(path, 'a')];
    writeSync(one, 'one ');
    writeSync(two, 'two ');
    writeSync(one, 'three');
    closeSync(one);
    closeSync(two);
    assert.equal(readFileSync(path, 'utf8'), 'one two three');
  },
  'an unlinked open file can be read, written, truncated; nlink is 0': (dir) => {
    const path = join(dir, 'f');
    const fd = openSync(path, 'w+');
    writeSync(fd, 'before');
    unlinkSync(path);
    assert.equal(fstatSync(fd).nlink, 0);
    writeSync(fd, ' after', 6);
    ftruncateSync(fd, 9);
    assert.equal(fstatSync(fd).size, 9);
    const buffer = Buffer.alloc(9);
    readSync(fd, buffer, 0, 9, 0);
    assert.equal(buffer.toString(), 'before af');
    assert.deepEqual(readdirSync(dir), []);
    closeSync(fd);
  },
  'an unlinked open file is opened again through /proc': (dir) => {
    const fd = openSync(join(dir, 'f'), 'w+');
    writeSync(fd, 'still here');
    unlinkSync(join(dir, 'f'));
    assert.equal(readFileSync(`/proc/self/fd/${fd}`, 'utf8'), 'still here');
    closeSync(fd);
  },
  'offsets past 4 GiB': (dir) => {
    const fd = openSync(join(dir, 'big'), 'w+');
    writeSync(fd, 'far', 5 * GIB);
    assert.equal(fstatSync(fd).size, 5 * GIB + 3);
    const buffer = Buffer.alloc(3);
    readSync(fd, buffer, 0, 3, 5 * GIB);
    assert.equal(buffer.toString(), 'far');
    assert.ok(fstatSync(fd).blocks < 1000, 'the file is sparse');
    closeSync(fd);
  },
  'SEEK_DATA and SEEK_HOLE find holes': (dir) => {
    const fd = openSync(join(dir, 'sparse'), 'w+');
    writeSync(fd, 'data', 1024 * 1024);
    fsyncSync(fd);
    assert.equal(seek(fd, 0n, SEEK_DATA), 1024n * 1024n);
    assert.equal(seek(fd, 0n, SEEK_HOLE), 0n);
    closeSync(fd);
  },
  'fallocate reserves, and punches holes': (dir) => {
    const fd = openSync(join(dir, 'f'), 'w+');
    fallocate(fd, 0, 0n, 1024n * 1024n);
    assert.equal(fstatSync(fd).size, 1024 * 1024);
    writeSync(fd, 'x'.repeat(8192), 0);
    fallocate(fd, PUNCH_HOLE_KEEP_SIZE, 0n, 4096n);
    const buffer = Buffer.alloc(8192);
    readSync(fd, buffer, 0, 8192, 0);
    assert.equal(buffer.toString('latin1'), '\0'.repeat(4096) + 'x'.repeat(4096));
    closeSync(fd);
  },
  'copy_file_range copies': (dir) => {
    writeFileSync(join(dir, 'a'), 'abcdefgh');
    const [from, to] = [openSync(join(dir, 'a'), 'r'), openSync(join(dir, 'b'), 'w')];
    assert.equal(copyFileRange(from, 2n, to, 0n, 4), 4);
    closeSync(from);
    closeSync(to);
    assert.equal(readFileSync(join(dir, 'b'), 'utf8'), 'cdef');
  },
  'truncate cuts and grows with zeros, also by path while open': (dir) => {
    const path = join(dir, 'f');
    const fd = openSync(path, 'w+');
    writeSync(fd, '0123456789');
    truncateSync(path, 4);
    assert.equal(fstatSync(fd).size, 4);
    ftruncateSync(fd, 6);
    assert.equal(readFileSync(path, 'latin1'), '0123\0\0');
    closeSync(fd);
  },
  'O_TRUNC empties': (dir) => {
    writeFileSync(join(dir, 'f'), 'full');
    closeSync(openSync(join(dir, 'f'), 'w'));
    assert.equal(statSync(join(dir, 'f')).size, 0);
  },
  'O_TMPFILE makes a file without a name, and linking gives it one': (dir) => {
    const fd = openSync(dir, O_TMPFILE | constants.O_RDWR, 0o644);
    writeSync(fd, 'nameless');
    assert.deepEqual(readdirSync(dir), []);
    assert.equal(fstatSync(fd).nlink, 0);
    closeSync(fd);
  },
  'what one descriptor writes the other reads at once': (dir) => {
    const path = join(dir, 'f');
    const [writer, reader] = [openSync(path, 'w'), openSync(path, 'r')];
    for (let at = 0; at < 50; at++) {
      writeSync(writer, `line ${at}\n`);
      assert.equal(fstatSync(reader).size, fstatSync(writer).size);
    }
    assert.equal(readFileSync(reader, 'utf8').split('\n').length, 51);
    closeSync(writer);
    closeSync(reader);
  },
  'a file opened for reading is not written, nor one for writing read': (dir) => {
    writeFileSync(join(dir, 'f'), 'x');
    const [reader, writer] = [openSync(join(dir, 'f'), 'r'), openSync(join(dir, 'f'), 'r+')];
    refuses(() => writeSync(reader, 'y'), 'EBADF');
    closeSync(reader);
    closeSync(writer);
    const only = openSync(join(dir, 'f'), constants.O_WRONLY);
    refuses(() => readSync(only, Buffer.alloc(1)), 'EBADF');
    closeSync(only);
  },
  'a directory cannot be written': (dir) => {
    refuses(() => openSync(dir, 'r+'), 'EISDIR');
  },
  'directories can be sought: telldir and seekdir': (dir) => {
    for (let at = 0; at < 500; at++) writeFileSync(join(dir, `f${at}`), '');
    const fd = openSync(dir, 'r');
    const first = readDirents(fd);
    const middle = first[Math.floor(first.length / 2)];
    assert.ok(middle);
    const rest = [...first.slice(first.indexOf(middle) + 1)];
    for (let more = readDirents(fd); more.length > 0; more = readDirents(fd)) rest.push(...more);
    seek(fd, middle.cookie, 0);
    const again = [];
    for (let more = readDirents(fd); more.length > 0; more = readDirents(fd)) again.push(...more);
    assert.deepEqual(
      again.map((entry) => entry.name.toString()),
      rest.map((entry) => entry.name.toString()),
    );
    seek(fd, 0n, 0);
    assert.equal(readDirents(fd)[0]?.name.toString(), first[0]?.name.toString());
    closeSync(fd);
  },
  'record locks: two open files conflict, and unlocking frees': (dir) => {
    const path = join(dir, 'f');
    const [one, two] = [openSync(path, 'w+'), openSync(path, 'r+')];
    const range = { start: 10n, end: 19n };
    setRecordLock(one, { type: 'write', ...range });
    refuses(() => setRecordLock(two, { type: 'write', ...range }), 'EAGAIN', 'EACCES');
    assert.equal(findRecordLock(two, { type: 'read', ...range })?.type, 'write');
    setRecordLock(two, { type: 'write', start: 20n, end: 29n });
    setRecordLock(one, { type: 'unlock', ...range });
    setRecordLock(two, { type: 'write', ...range });
    closeSync(one);
    closeSync(two);
  },
  'flock: two open files conflict, and closing frees': (dir) => {
    const path = join(dir, 'f');
    const [one, two] = [openSync(path, 'w+'), openSync(path, 'r+')];
    assert.ok(tryLock(one, 'exclusive'));
    assert.equal(tryLock(two, 'shared'), false);
    closeSync(one);
    assert.ok(tryLock(two, 'exclusive'));
    closeSync(two);
  },
  'statfs tells of the disk': (dir) => {
    const stat = statfsSync(dir);
    assert.ok(stat.blocks > 0 && stat.bsize >= 512 && stat.bavail <= stat.blocks);
  },
  'concurrent names of one file: written through one, read through the other': (dir) => {
    writeFileSync(join(dir, 'a'), 'first');
    linkSync(join(dir, 'a'), join(dir, 'b'));
    const fd = openSync(join(dir, 'a'), 'r+');
    writeSync(fd, 'SECOND');
    assert.equal(readFileSync(join(dir, 'b'), 'utf8'), 'SECOND');
    closeSync(fd);
  },
  'four hundred files open at once': (dir) => {
    const open = Array.from({ length: 400 }, (_, at) => openSync(join(dir, `f${at}`), 'w+'));
    for (const [at, fd] of open.entries()) writeSync(fd, String(at));
    for (const fd of open) closeSync(fd);
    assert.equal(readFileSync(join(dir, 'f399'), 'utf8'), '399');
  },
};
