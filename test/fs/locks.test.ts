import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AT, removeTree } from '../../src/sys/index.ts';
import { openMount, variants } from '../support/mount.ts';

const PROGRAM = join(import.meta.dirname, 'locks-program.py');
/** The system's own: one of root's first in PATH may be out of reach for a plain user. */
const PYTHON = process.geteuid?.() === 0 ? '/usr/bin/python3' : 'python3';

// With libfuse locks stand between programs on the mount only, and the kernel keeps them.
const locking = variants.filter(({ options }) => options.driver === 'kernel');

describe.each(locking)('record locks and flock ($name)', (variant) => {
  test('stand, wait, are handed over, interrupted, refused as on a plain directory', async () => {
    const native = mkdtempSync(join(tmpdir(), 'taskfs-'));
    onTestFinished(() => removeTree(AT.FDCWD, native));
    const mount = await openMount(variant);
    onTestFinished(() => mount.close());
    const { stdout } = await promisify(execFile)(PYTHON, [PROGRAM, native]);
    expect(stdout).toMatch(/^deadlock EDEADL/m);
    expect(await mount.run(PYTHON, [PROGRAM, join(mount.mountpoint, 'live/one')])).toBe(stdout);
  });
});
