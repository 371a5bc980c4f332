/**
 * Ends what a benchmark left in a directory: mounts, tasks of its stores, files. For one that was
 * killed in the middle as well: `scripts/bench` calls it in any case.
 *   node bench/clean-up.ts DIRECTORY
 */
import { spawnSync } from 'node:child_process';
import { globSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { allMounts, FUSERMOUNT } from '../src/mount/index.ts';
import { storeAt } from '../src/store/index.ts';
import { AT, removeTree } from '../src/sys/index.ts';
import { endTasks } from '../test/support/ending.ts';

const [, , named] = process.argv;
if (!named) throw new Error('name the directory');
const directory = realpathSync(named);

/** The outermost come first, and take what is mounted in them along. */
const nextMount = (): string | undefined =>
  allMounts().find(({ mountpoint }) => mountpoint.startsWith(`${directory}/`))?.mountpoint;

for (let mountpoint = nextMount(); mountpoint !== undefined; mountpoint = nextMount()) {
  const { status, stderr } = spawnSync(FUSERMOUNT, ['-uz', '--', mountpoint]);
  if (status !== 0) throw new Error(`${mountpoint} stays mounted: ${stderr}`);
}
for (const settings of globSync(['*/store.json', '*/*/store.json', '*/*/*/store.json'], {
  cwd: directory,
})) {
  await endTasks(storeAt(join(directory, dirname(settings))));
}
removeTree(AT.FDCWD, directory);
