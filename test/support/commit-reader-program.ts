/**
 * Reads tasks through a mount while they are sealed, and says where it met one in both of live/ and
 * archive/, in neither, or a part of one. Arguments: the mount, the store's staging directory, a
 * directory to leave a file in for each task that was seen whole in live/, a name, rounds. Prints
 * JSON.
 */
import {
  closeSync,
  type Dir,
  existsSync,
  opendirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { asideName, parseTaskName } from '../../src/store/index.ts';
import { contentOf, directories, namesIn, roundName } from './commit-tree.ts';

const [mountpoint = '', staging = '', seen = '', who = '', rounds = '0'] = process.argv.slice(2);
const counts = {
  live: 0,
  archived: 0,
  moved: 0,
  crossed: 0,
  heldFiles: 0,
  lostFiles: 0,
  heldDirectories: 0,
};
const wrong: string[] = [];

const ENOENT = 2;
const ESTALE = 116;
const liveOf = (task: string): string => join(mountpoint, 'live', task);
const archiveOf = (task: string): string => join(mountpoint, 'archive', task);

/** What a directory shows: everything, nothing at all, or it went while it was being read. */
function look(top: string, task: string): 'whole' | 'gone' | 'cut' {
  if (!existsSync(top)) return 'gone';
  try {
    for (const directory of directories) {
      const path = join(top, directory);
      const isShownByDisk = isOfDisk(path);
      const names = readdirSync(path);
      // On a disk what is removed after it was opened is missing.
      if (isShownByDisk && lacks(names, directory) > 0 && !existsSync(top)) return 'cut';
      checkNames(names, directory, top);
      for (const number of [0, 1]) checkContent(top, task, join(directory, `file-${number}`));
    }
    return 'whole';
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if ([-ENOENT, -ESTALE].includes(errno ?? 0) && !existsSync(top)) return 'cut';
    wrong.push(`${top}: ${error}`);
    return 'cut';
  }
}

function checkNames(found: readonly string[], directory: string, where: string): void {
  const missing = lacks(found, directory);
  if (missing > 0) wrong.push(`${join(where, directory)} lacks ${missing} names`);
}

const lacks = (found: readonly string[], directory: string): number =>
  namesIn(directory).filter((name) => !found.includes(name)).length;

const servers = [mountpoint, join(mountpoint, 'archive')].map((path) => statSync(path).dev);
/** Whether the kernel shows staging itself, which is then like any directory of a disk. */
const isOfDisk = (path: string): boolean => !servers.includes(statSync(path).dev);

function checkContent(top: string, task: string, path: string): void {
  const found = readFileSync(join(top, path));
  if (!found.equals(contentOf(task, path))) wrong.push(`${join(top, path)}: other content`);
}

/**
 * Whoever finds a task gone from live/ finds it in archive/; whoever finds it there, not in live/.
 */
function lookAtBoth(task: string): 'live' | 'archived' {
  const before = look(liveOf(task), task);
  if (before === 'whole') counts.live++;
  const wasArchived = before !== 'whole';
  if (wasArchived) {
    if (before === 'cut') counts.crossed++;
    const after = look(archiveOf(task), task);
    if (after === 'whole') counts.archived++;
    else wrong.push(`${task} is ${before} in live/ and ${after} in archive/`);
  }
  const listedLive = readdirSync(join(mountpoint, 'live')).includes(task);
  const listedArchived = readdirSync(join(mountpoint, 'archive')).includes(task);
  if (!listedLive && !listedArchived) wrong.push(`${task} is listed neither in live/ nor archive/`);
  if (listedArchived || existsSync(archiveOf(task))) {
    if (existsSync(liveOf(task))) wrong.push(`${task} is in archive/ and in live/`);
    if (readdirSync(join(mountpoint, 'live')).includes(task)) {
      wrong.push(`${task} is in archive/ and listed in live/`);
    }
  }
  return wasArchived ? 'archived' : 'live';
}

/**
 * A file opened in live/ reads to its end, or (libfuse, which asks by path) says that it is gone.
 */
function checkHeldFile(fd: number, task: string, path: string): void {
  try {
    if (!readFileSync(fd).equals(contentOf(task, path))) wrong.push(`held ${path}: other content`);
    counts.heldFiles++;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno !== -ENOENT) wrong.push(`held ${path}: ${error}`);
    counts.lostFiles++;
  }
  closeSync(fd);
}

/**
 * A directory opened in live/ lists all that it had, or says that it is gone: never the rest of it,
 * unless it is that of a disk.
 */
function checkHeldDirectory(held: Dir, directory: string, isHeldOnDisk: boolean): void {
  try {
    const names: string[] = [];
    for (let entry = held.readSync(); entry; entry = held.readSync()) names.push(entry.name);
    if (!isHeldOnDisk) checkNames(names, directory, 'held');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno !== -ESTALE) wrong.push(`held: ${error}`);
  }
  counts.heldDirectories++;
  held.closeSync();
}

for (let round = 0; round < Number(rounds); round++) {
  const task = parseTaskName(roundName(round));
  while (!existsSync(join(liveOf(task), 'deep')));
  lookAtBoth(task);
  const files = ['file-0', 'deep/file-0'].map(
    (path) => [path, openSync(join(liveOf(task), path), 'r')] as const,
  );
  const open = directories.map((path) => [path, opendirSync(join(liveOf(task), path))] as const);
  const late = directories.map((path) => [path, opendirSync(join(liveOf(task), path))] as const);
  const isHeldOnDisk = isOfDisk(liveOf(task));
  writeFileSync(join(seen, `${task}-${who}`), '');
  while (lookAtBoth(task) === 'live');
  counts.moved++;
  for (const [path, held] of open) checkHeldDirectory(held, path, isHeldOnDisk);
  while ([task, asideName(task)].some((name) => existsSync(join(staging, name)))) lookAtBoth(task);
  lookAtBoth(task);
  for (const [path, held] of late) checkHeldDirectory(held, path, isHeldOnDisk);
  for (const [path, fd] of files) checkHeldFile(fd, task, path);
  if (wrong.length > 20) break;
}
process.stdout.write(JSON.stringify({ counts, wrong }));
