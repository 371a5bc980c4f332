import { expect, test } from 'vitest';
import { mountSource, storeOfSource } from '../../src/fs/driver.ts';
import { parseMountinfo } from '../../src/fs/mount/mountinfo.ts';

test('a line is parsed, its octal escapes decoded', () => {
  const line =
    '36 35 0:57 / /mnt/a\\040b\\134\\303\\251 rw,nosuid shared:1 - fuse.taskfs taskfs:/x rw,user_id=0';
  expect(parseMountinfo(`${line}\n`)).toEqual([
    { mountpoint: '/mnt/a b\\é', type: 'fuse.taskfs', source: 'taskfs:/x', minor: 57 },
  ]);
});

test('lines that are none are left out', () => {
  expect(parseMountinfo('\nnonsense\n1 2 - x\n')).toEqual([]);
});

test.each(['/plain', '/with blank', '/with,comma', '/100%', '/new\nline', '/ünï'])(
  'the store %j survives the way through the mount options',
  (path) => {
    const source = mountSource({ path, keys: '', tasks: '', staging: '', archive: '' });
    expect(source).not.toMatch(/[,\s]/);
    expect(storeOfSource(source)).toBe(path);
  },
);

test('a source of somebody else is no store', () => {
  expect(storeOfSource('/dev/sda1')).toBeUndefined();
});
