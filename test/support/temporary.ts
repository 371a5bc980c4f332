import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { AT, removeTree } from '../../src/sys/index.ts';

/** A fresh directory, removed when the running test ends, whatever it left in there. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'taskfs-'));
  onTestFinished(() => removeTree(AT.FDCWD, path));
  return path;
}
