import { spawn } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readRegularFile, readRegularText } from '../../src/files/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const REPLACE = `
  const { renameSync, writeFileSync } = require('node:fs');
  const [path] = process.argv.slice(1);
  for (let length = 0; ; length = (length * 7 + 1) % 5000) {
    writeFileSync(path + '.new', JSON.stringify('x'.repeat(length)));
    renameSync(path + '.new', path);
  }`;

it('a file that is replaced meanwhile is read whole, as it was or as it is', () => {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(`${path}.first`, '""');
  renameSync(`${path}.first`, path);
  const writer = spawn(process.execPath, ['-e', REPLACE, path]);
  onTestFinished(() => void writer.kill('SIGKILL'));
  const lengths = new Set<number>();
  for (let reads = 0; reads < 500 || lengths.size < 20; reads++) {
    lengths.add(JSON.parse(readRegularText(path, 10_000)).length);
    lengths.add(JSON.parse(readRegularFile(path, 10_000).toString()).length);
  }
  expect(lengths.size).toBeGreaterThanOrEqual(20);
});
