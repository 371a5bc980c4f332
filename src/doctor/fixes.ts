import { chmodSync, existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectories } from '../files/index.ts';
import { recover } from '../runner/index.ts';
import { installedMountpoint } from '../service/index.ts';
import { keyPaths, openStore, storeAt, storeExists } from '../store/index.ts';
import { type Finding, good } from './finding.ts';

const OTHERS = 0o077;

/**
 * Puts right what a user may: modes by which others could read, tasks that were interrupted or not
 * sealed, the missing mount point of the service. Returns what it did; `say` takes what goes wrong
 * on the way. Throws where the store cannot be opened all the same.
 */
export async function fixStore(
  path: string,
  say: (words: string) => void = () => {},
): Promise<Finding[]> {
  const mountpoint = fixMountpoint();
  if (!storeExists(path)) return mountpoint;
  const modes = privatePaths(path)
    .filter(closeToOthers)
    .map((each) => good(each, 'is yours alone'));
  const recoveries = await recover(openStore(path), { scope: 'all', say });
  const tasks = recoveries
    .filter(({ error }) => error === null)
    .map(({ task, outcome }) => good(`task ${task}`, outcome));
  return [...mountpoint, ...modes, ...tasks];
}

function fixMountpoint(): Finding[] {
  const mountpoint = installedMountpoint();
  if (mountpoint === undefined || existsSync(mountpoint)) return [];
  makeDirectories(mountpoint, 0o700);
  return [good(`mount point ${mountpoint}`, 'was made')];
}

/** What nobody else may look into. */
function privatePaths(path: string): string[] {
  const store = storeAt(path);
  const { identity, recipients, signing } = keyPaths(store);
  const staging = existsSync(store.staging) ? readdirSync(store.staging) : [];
  return [
    ...[path, store.keys, store.tasks, store.staging, store.archive],
    ...[identity, recipients, signing],
    ...staging.map((name) => join(store.staging, name)),
  ];
}

/** Whether it was open to others, and is the user's own to close. */
function closeToOthers(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat || stat.isSymbolicLink() || (stat.mode & OTHERS) === 0) return false;
  if (stat.uid !== process.geteuid?.()) return false;
  chmodSync(path, stat.mode & 0o700);
  return true;
}
