import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AT, listDirectory, mkdirAt, openAt, removeTree } from '../../src/sys/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

describe('listDirectory', () => {
  it('gives every name once, in raw bytes, over many blocks', () => {
    const directory = temporaryDirectory();
    for (let i = 0; i < 5000; i++) writeFileSync(join(directory, `file-${i}`), '');
    const odd = Buffer.from([0xff, 0xfe, 0x0a, 0x41]);
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), odd]), '');
    const fd = openSync(directory, OPEN_DIRECTORY);
    const names = [...listDirectory(fd)].map((entry) => entry.name.toString('hex'));
    closeSync(fd);
    expect(names).toHaveLength(5001);
    expect(new Set(names).size).toBe(5001);
    expect(names).toContain(odd.toString('hex'));
  });
});

describe('removeTree', () => {
  it('removes 5,000 nested directories, deeper than any path reaches', () => {
    const directory = temporaryDirectory();
    let fd = openSync(directory, OPEN_DIRECTORY);
    for (let depth = 0; depth < 5000; depth++) {
      mkdirAt(fd, 'deep', 0o755);
      const below = openAt(fd, 'deep', OPEN_DIRECTORY);
      closeSync(fd);
      fd = below;
    }
    closeSync(fd);
    removeTree(AT.FDCWD, join(directory, 'deep'));
    expect(readdirSync(directory)).toEqual([]);
  });

  it('never follows a symlink out of the tree', () => {
    const directory = temporaryDirectory();
    const outside = join(directory, 'outside');
    mkdirSync(join(directory, 'tree', 'sub'), { recursive: true });
    mkdirSync(outside);
    writeFileSync(join(outside, 'precious'), 'kept');
    symlinkSync(outside, join(directory, 'tree', 'sub', 'link'));
    symlinkSync(outside, join(directory, 'tree-link'));
    removeTree(AT.FDCWD, join(directory, 'tree'));
    removeTree(AT.FDCWD, join(directory, 'tree-link'));
    expect(readdirSync(directory)).toEqual(['outside']);
    expect(existsSync(join(outside, 'precious'))).toBe(true);
  });

  it('removes directories without any permission, and wide ones', () => {
    const directory = temporaryDirectory();
    const wide = join(directory, 'tree', 'wide');
    mkdirSync(wide, { recursive: true });
    for (let i = 0; i < 3000; i++) writeFileSync(join(wide, `f${i}`), 'x');
    chmodSync(wide, 0);
    chmodSync(join(directory, 'tree'), 0);
    removeTree(AT.FDCWD, join(directory, 'tree'));
    expect(readdirSync(directory)).toEqual([]);
  });

  it.runIf(process.geteuid?.() === 0)('removes what chattr(1) protects', (context) => {
    const base = temporaryDirectory();
    const run = (script: string) =>
      spawnSync('sh', ['-c', script], { cwd: base, encoding: 'utf8' }).stderr;
    const refused = run('echo a > file && chattr +i file');
    context.skip(refused !== '', `no flags here: ${refused}`);
    const made = run(`mkdir -p tree/dir/empty && cd tree && echo a > dir/file && echo a > log
      chattr +i dir/file dir/empty && chattr +a log dir && chattr +i .`);
    expect(made).toBe('');
    for (const name of ['tree', 'file']) removeTree(AT.FDCWD, join(base, name));
    expect(readdirSync(base)).toEqual([]);
  });

  it('is content where nothing is there', () => {
    expect(() => removeTree(AT.FDCWD, join(temporaryDirectory(), 'none'))).not.toThrow();
  });
});
