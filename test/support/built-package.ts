import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build, type RolldownOptions } from 'rolldown';
import type { TestProject } from 'vitest/node';
import manifest from '../../package.json' with { type: 'json' };
import program from '../../rolldown.config.ts';
import page from '../../rolldown.page.config.ts';

const NOBODY = 65534;
const root = join(import.meta.dirname, '../..');

/**
 * Builds the package once for all test files, which call it as users do: from the sources each
 * call would take three times as long. It lies where npm would install it.
 */
export default async function setup(project: TestProject): Promise<() => void> {
  const directory = mkdtempSync(join(tmpdir(), 'taskfs-built-'));
  const uid = process.geteuid?.() ?? 0;
  const modules = join(directory, 'node_modules');
  const installed = join(modules, 'taskfs');
  mkdirSync(installed, { recursive: true });
  chmodSync(directory, 0o755);
  for (const part of ['bin', 'package.json']) {
    cpSync(join(root, part), join(installed, part), { recursive: true });
  }
  for (const name of nativePackages()) {
    if (!existsSync(join(root, 'node_modules', name))) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  makeCaches(join(installed, 'caches'), uid);
  const dist = join(installed, 'dist');
  const buildBoth = async (): Promise<void> => {
    await buildInto(dist, program);
    await buildInto(join(dist, 'page'), page);
  };
  await buildBoth();
  project.onTestsRerun(buildBoth);
  process.env.TASKFS_TEST_PACKAGE = installed;
  // Programs of the tests run from the sources: they start in half the time when those are kept
  // stripped.
  process.env.NODE_COMPILE_CACHE ??= join(installed, 'caches', String(uid));
  return () => {
    // Workers that are ending still write to the cache of compiled code, by its path.
    const removed = `${directory}.removed`;
    renameSync(directory, removed);
    rmSync(removed, { recursive: true, force: true });
  };
}

/** What npm installs beside it: all that is not bundled. */
function nativePackages(): string[] {
  const { optionalDependencies, peerDependencies } = manifest;
  return Object.keys({ ...optionalDependencies, ...peerDependencies });
}

async function buildInto(dir: string, config: RolldownOptions): Promise<void> {
  await build({ ...config, cwd: root, output: { ...config.output, dir }, logLevel: 'silent' });
}

/** Of compiled code: one for the user who runs the tests, one for the plain user beside root. */
function makeCaches(directory: string, uid: number): void {
  mkdirSync(directory);
  for (const user of new Set([uid, NOBODY])) {
    const cache = join(directory, String(user));
    mkdirSync(cache, { mode: 0o700 });
    if (uid === 0) chownSync(cache, user, user);
  }
}
