import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const NOBODY = 65534;

/**
 * Runs scripts/demo with a temporary directory of its own, and expects it to leave nothing there.
 */
async function demo(prefix: readonly string[], owner?: number): Promise<string> {
  const home = temporaryDirectory();
  const temporary = join(home, 'tmp');
  mkdirSync(temporary);
  if (owner !== undefined) for (const path of [home, temporary]) chownSync(path, owner, owner);
  chmodSync(home, 0o755);
  const checkout = await readableBy(prefix, home);
  const [command = '', ...args] = [...prefix, join(checkout, 'scripts', 'demo')];
  const env = { PATH: process.env.PATH ?? '', HOME: home, TMPDIR: temporary };
  const { stdout } = await run(command, args, { env, maxBuffer: 16 << 20 });
  expect(readdirSync(temporary)).toEqual([]);
  expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(temporary);
  return stdout;
}

/**
 * The checkout, or a copy of it where the user behind `prefix` cannot enter it (root's home
 * directory).
 */
async function readableBy(prefix: readonly string[], home: string): Promise<string> {
  const [command = '', ...args] = [...prefix, 'test', '-r', join(root, 'scripts', 'demo')];
  if (
    await run(command, args).then(
      () => true,
      () => false,
    )
  )
    return root;
  const copy = join(home, 'checkout');
  await run('cp', ['-a', root, copy]);
  await run('chmod', ['-R', 'a+rX', copy]);
  return copy;
}

test('scripts/demo checks out as the user who runs the tests', async () => {
  expect(await demo([])).toContain('Every step checked out.');
}, 300_000);

test.runIf(process.getuid?.() === 0)(
  'scripts/demo checks out as a plain user',
  async () => {
    const ids = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    expect(await demo(['setpriv', ...ids], NOBODY)).toContain('Every step checked out.');
  },
  300_000,
);
