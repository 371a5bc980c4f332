/**
 * A user of escape.test.ts: reads, writes, lists, and changes attributes under the names that are
 * being swapped, through the mount. Whatever it reads must be harmless. Arguments: the live
 * directory, milliseconds. Prints how many calls it made, or ends with what it should not have
 * seen.
 */
import {
  chmodSync,
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { FS_IOC, INODE_FLAGS_SIZE, inodeFlags } from '../../src/sys/index.ts';

const [live, time] = process.argv.slice(2);
if (!live || !time) throw new Error('usage: LIVE MILLISECONDS');
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
// Symlinks are followed by the kernel of the one who asks, outside of the mount too, as with any
// file system; so this user never follows one in the last place, nor through `directory`, where it
// would be the user and not the server who is led astray. Opened beneath a descriptor of a
// directory that was one, names are the server's to resolve.
const calls: (() => void)[] = [
  () => check(readAs(join(live, 'file'), O_RDONLY)),
  () => writeAs(join(live, 'file')),
  () => check(readAs(join(live, 'pipe'), O_RDONLY)),
  () => writeAs(join(live, 'pipe')),
  () => check(readAs(join(live, 'large'), O_RDONLY)),
  () => check(readAs(join(live, 'device'), O_RDONLY)),
  () => writeAs(join(live, 'device')),
  () => flagAs(join(live, 'file')),
  () => flagAs(join(live, 'pipe')),
  () => inside('directory', (path) => check(readAs(join(path, 'secret'), O_RDONLY))),
  () => inside('directory', (path) => writeAs(join(path, 'secret'))),
  () => inside('directory', (path) => chmodSync(join(path, 'secret'), 0o644)),
  () => inside('directory', (path) => truncateSync(join(path, 'secret'), 8)),
  () => inside('directory', (path) => utimesSync(join(path, 'secret'), 1, 1)),
  () => inside('directory', (path) => flagAs(join(path, 'secret'))),
  () => inside('directory', (path) => writeFileSync(join(path, 'made'), 'x')),
  () => inside('directory', (path) => unlinkSync(join(path, 'made'))),
  () => inside('directory', (path) => refuseForeign(readdirSync(path))),
  () => inside('deep', (path) => check(readAs(join(path, 'a/b/secret'), O_RDONLY | O_NOFOLLOW))),
];

const end = Date.now() + Number(time);
let made = 0;
while (Date.now() < end) {
  for (const call of calls) {
    made++;
    try {
      call();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }
}
process.stdout.write(String(made));

/** Acts below a directory that was opened without following a symlink. */
function inside(name: string, action: (path: string) => void): void {
  const fd = openSync(join(live ?? '', name), O_RDONLY | O_NOFOLLOW | constants.O_DIRECTORY);
  try {
    action(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

function readAs(path: string, flags: number): string {
  const fd = openSync(path, flags | O_NOFOLLOW | O_NONBLOCK);
  try {
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function writeAs(path: string): void {
  const fd = openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    writeFileSync(fd, 'harmless');
  } finally {
    closeSync(fd);
  }
}

/** Asks for a file's flags, and sets the same once more: the server opens the file for each. */
function flagAs(path: string): void {
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const flags = Buffer.alloc(INODE_FLAGS_SIZE);
    inodeFlags(fd, FS_IOC.GETFLAGS, flags);
    inodeFlags(fd, FS_IOC.SETFLAGS, flags);
  } finally {
    closeSync(fd);
  }
}

function check(content: string): void {
  if (/^(harmless)*(h(a(r(m(l(e(s)?)?)?)?)?)?)?$/.test(content.replaceAll('\0', ''))) return;
  throw new Error(`read from outside: ${content}`);
}

function refuseForeign(names: readonly string[]): void {
  if (names.includes('only-outside')) throw new Error('listed from outside');
}
