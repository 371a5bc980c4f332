import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { scanDirectory, scanNames, scanTree } from '../../src/watch/scan.ts';
import { type Change, LiveTree, pathOf, type TreeNode } from '../../src/watch/tree.ts';
import { temporaryDirectory } from '../support/temporary.ts';

function openTree(path: string): { tree: LiveTree; fd: number; refreshAll: () => Change[] } {
  const fd = openSync(path, 'r');
  onTestFinished(() => closeSync(fd));
  const tree = new LiveTree();
  return { tree, fd, refreshAll: () => scanTree(tree, fd) };
}

const text = (node: TreeNode): string => pathOf(node).toString('latin1');

function replay(believed: Set<string>, changes: readonly Change[]): void {
  for (const { action, node } of changes) {
    if (action === 'add') {
      expect(believed.has(text(node)), `added twice: ${text(node)}`).toBe(false);
      believed.add(text(node));
    }
    if (action === 'remove') {
      expect(believed.delete(text(node)), `removed what was not there: ${text(node)}`).toBe(true);
    }
  }
}

/** All paths under a directory as find sees them. */
function truth(path: string): string[] {
  const found = execFileSync('find', ['.', '-mindepth', '1', '-print0'], { cwd: path });
  return found
    .toString('latin1')
    .split('\0')
    .filter(Boolean)
    .map((name) => name.slice(2))
    .sort();
}

const names = ['a', 'b', 'c', 'd'];
const pathArbitrary = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 });
const operation = fc.record({
  what: fc.constantFrom('mkdir', 'write', 'remove', 'rename', 'link'),
  at: pathArbitrary,
  to: pathArbitrary,
});

test('whatever happens between looks, the changes add up to what is there', () => {
  fc.assert(
    fc.property(fc.array(fc.array(operation, { maxLength: 8 }), { maxLength: 6 }), (rounds) => {
      const path = temporaryDirectory();
      const { tree, refreshAll } = openTree(path);
      const believed = new Set<string>();
      for (const round of rounds) {
        for (const { what, at, to } of round) attempt(what, join(path, ...at), join(path, ...to));
        replay(believed, refreshAll());
        expect([...believed].sort()).toEqual(truth(path));
        expect(tree.files + tree.directories).toBe(believed.size);
      }
    }),
    { numRuns: 60 },
  );
});

/** Refused operations (a missing parent, a directory in the way) are part of the game. */
function attempt(what: string, at: string, to: string): void {
  try {
    if (what === 'mkdir') mkdirSync(at);
    else if (what === 'write') writeFileSync(at, at);
    else if (what === 'remove') rmSync(at, { recursive: true });
    else if (what === 'rename') renameSync(at, to);
    else symlinkSync('/', at);
  } catch {
    return;
  }
}

test('a directory replaced by another of the same name is told anew', () => {
  const path = temporaryDirectory();
  mkdirSync(join(path, 'd'));
  writeFileSync(join(path, 'd/old'), '');
  const { refreshAll } = openTree(path);
  refreshAll();
  mkdirSync(join(path, 'e'));
  writeFileSync(join(path, 'e/new'), '');
  rmSync(join(path, 'd'), { recursive: true });
  renameSync(join(path, 'e'), join(path, 'd'));
  const told = refreshAll().map(({ action, node }) => `${action} ${text(node)}`);
  expect(told).toEqual(['remove d/old', 'remove d', 'add d', 'add d/new']);
});

test('a tree deeper than PATH_MAX is seen to its end', () => {
  const path = temporaryDirectory();
  const depth = 60;
  const name = 'n'.repeat(200);
  // A path this long can only be walked step by step.
  execFileSync(
    'sh',
    [
      '-c',
      `i=0; while [ $i -lt ${depth} ]; do ` +
        `mkdir ${name} && cd -P ${name} || exit 1; i=$((i+1)); done`,
    ],
    { cwd: path },
  );
  const { refreshAll } = openTree(path);
  expect(refreshAll()).toHaveLength(depth);
  expect(refreshAll()).toHaveLength(0);
});

test('when the root goes, everything has gone', () => {
  const path = join(temporaryDirectory(), 'root');
  mkdirSync(join(path, 'd'), { recursive: true });
  writeFileSync(join(path, 'd/f'), '');
  const { refreshAll } = openTree(path);
  refreshAll();
  rmSync(path, { recursive: true });
  expect(refreshAll().map(({ action, node }) => `${action} ${text(node)}`)).toEqual([
    'remove d/f',
    'remove d',
  ]);
});

test('the size and number of files follow what is there', () => {
  const path = temporaryDirectory();
  const { tree, fd, refreshAll } = openTree(path);
  writeFileSync(join(path, 'x'), 'four');
  mkdirSync(join(path, 'd'));
  refreshAll();
  expect(tree).toMatchObject({ files: 1, directories: 1, bytes: 4 });
  writeFileSync(join(path, 'x'), 'sixsix');
  expect(scanNames(tree, fd, tree.root, [Buffer.from('x')])).toMatchObject([{ action: 'change' }]);
  expect(tree.bytes).toBe(6);
  rmSync(join(path, 'x'));
  scanDirectory(tree, fd, tree.root);
  expect(tree).toMatchObject({ files: 0, bytes: 0 });
});
