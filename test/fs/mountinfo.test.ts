import { expect, test } from 'vitest';
import { mountSource } from '../../src/mount/index.ts';
import { entriesOf, storeOfSource } from '../../src/mount/mountinfo.ts';
import { encodeOctal, parseMountinfo } from '../../src/sys/index.ts';

const parse = (table: string) => entriesOf(parseMountinfo(table));

test('a line is parsed, its octal escapes decoded', () => {
  const line =
    '36 35 0:57 / /mnt/a\\040b\\134\\303\\251 rw,nosuid shared:1 - ' +
    'fuse.taskfs taskfs:/x rw,user_id=0';
  expect(parse(`${line}\n`)).toEqual([
    {
      id: 36,
      parent: 35,
      root: '/',
      mountpoint: '/mnt/a b\\é',
      type: 'fuse.taskfs',
      source: 'taskfs:/x',
      minor: 57,
      options: ['rw', 'nosuid'],
      owner: 0,
    },
  ]);
});

test('lines that are none are left out', () => {
  expect(parse('\nnonsense\n1 2 - x\n')).toEqual([]);
});

test.each(['/plain', '/with blank', '/with,comma', '/100%', '/new\nline', '/ünï'])(
  'the store %j survives the way through the mount options',
  (path) => {
    const source = mountSource({ path, keys: '', tasks: '', staging: '', archive: '' });
    expect(source).not.toMatch(/[,\s]/);
    expect(storeOfSource(source)).toBe(path);
  },
);

test.each(['/dev/sda1', 'taskfs:%', 'taskfs:%ff', 'taskfs'])(
  'the source %j of somebody else is no store',
  (source) => {
    expect(storeOfSource(source)).toBeUndefined();
  },
);

test('a path is written as the kernel writes it', () => {
  expect(encodeOctal('/mnt/a b\\é\t\n')).toBe('/mnt/a\\040b\\134é\\011\\012');
});

test('who mounted is taken from the kernel’s own field, not from names that a user chose', () => {
  const line =
    '36 35 0:57 / /mnt/user_id=0 rw - fuse.user_id=0 x,user_id=0 rw,user_id=7,allow_other';
  expect(parse(line)).toEqual([expect.objectContaining({ owner: 7 })]);
});
