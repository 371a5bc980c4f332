import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AT, assertUnmounted, MountedBeneath, removeTree } from '../../src/sys/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const isRoot = process.geteuid?.() === 0;

/** A tree with a file of its own, and beside it what is precious. */
function tree(): { readonly top: string; readonly precious: string } {
  const base = temporaryDirectory();
  const top = join(base, 'odd name\n\\tree');
  const precious = join(base, 'precious');
  for (const path of [top, precious]) mkdirSync(path);
  writeFileSync(join(top, 'own'), 'own');
  writeFileSync(join(precious, 'file'), 'irreplaceable');
  return { top, precious };
}

function mount(...args: string[]): void {
  const on = args.at(-1) ?? '';
  execFileSync('mount', args);
  onTestFinished(() => {
    execFileSync('umount', ['-l', on]);
  });
}

// Only root can mount, and a plain user's FUSE mount is one more mount to the kernel.
describe.skipIf(!isRoot)('removeTree and what is mounted in the tree', () => {
  it.each([
    ['a directory of the same file system', 'mounted'],
    ['one that lies deep', 'a/b/c/mounted'],
  ])('removes nothing of the tree or of %s', (_what, place) => {
    const { top, precious } = tree();
    const on = join(top, place);
    mkdirSync(on, { recursive: true });
    mount('--bind', precious, on);
    expect(() => removeTree(AT.FDCWD, top)).toThrow(MountedBeneath);
    expect(() => assertUnmounted(top)).toThrow(`something is mounted on '${on}'`);
    expect(existsSync(join(top, 'own'))).toBe(true);
    expect(readdirSync(precious)).toEqual(['file']);
  });

  it('removes nothing where a file is mounted over a file, or the tree itself is a mount', () => {
    const { top, precious } = tree();
    writeFileSync(join(top, 'name'), '');
    mount('--bind', join(precious, 'file'), join(top, 'name'));
    expect(() => removeTree(AT.FDCWD, top)).toThrow(MountedBeneath);
    expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('irreplaceable');
    mount('--bind', precious, top);
    expect(() => removeTree(AT.FDCWD, top)).toThrow(`something is mounted on '${top}'`);
    expect(readdirSync(precious)).toEqual(['file']);
  });

  it('removes nothing where another file system is mounted, and all once that is gone', () => {
    const { top } = tree();
    const on = join(top, 'm');
    mkdirSync(on);
    execFileSync('mount', ['-t', 'tmpfs', 'none', on]);
    try {
      writeFileSync(join(on, 'file'), 'irreplaceable');
      expect(() => removeTree(AT.FDCWD, top)).toThrow(MountedBeneath);
      expect(readdirSync(on)).toEqual(['file']);
    } finally {
      execFileSync('umount', ['-l', on]);
    }
    removeTree(AT.FDCWD, top);
    expect(existsSync(top)).toBe(false);
  });

  // Who looked at the table of mounts before has seen nothing: the step down itself is refused.
  it.each([
    ['a directory', 'deep/m'],
    ['a file', 'deep/name'],
  ])('removes nothing of what is mounted over %s while it removes', (what, place) => {
    const { top, precious } = tree();
    mkdirSync(join(top, 'deep/m'), { recursive: true });
    writeFileSync(join(top, 'deep/name'), '');
    const on = join(top, place);
    const from = what === 'a file' ? join(precious, 'file') : precious;
    onTestFinished(() => {
      execFileSync('umount', ['-l', on]);
    });
    const args = ['-e', REMOVER, top, from, on];
    const said = execFileSync(process.execPath, args, { encoding: 'utf8' });
    expect(said).toBe(`MountedBeneath: something is mounted on '${on}'\n`);
    expect(readdirSync(precious)).toEqual(['file']);
  });
});

const SYS = join(import.meta.dirname, '../../src/sys/index.ts');

/** Removes a tree, and mounts something in it right after the table of mounts was read. */
const REMOVER = `
const fs = require('node:fs');
const [top, from, on] = process.argv.slice(1);
const read = fs.readFileSync;
fs.readFileSync = (path, ...rest) => {
  const found = read(path, ...rest);
  if (String(path).endsWith('/mountinfo'))
    require('node:child_process').execFileSync('mount', ['--bind', from, on]);
  return found;
};
require('node:module').syncBuiltinESMExports();
import(${JSON.stringify(SYS)}).then(({ AT, removeTree }) => {
  try { removeTree(AT.FDCWD, top); console.log('removed'); }
  catch (error) { console.log(String(error)); }
});
`;
