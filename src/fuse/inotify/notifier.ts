/**
 * The notifier of a mount: repeats through the mount what happened beneath it, so that the kernel
 * raises inotify events there. The server knows this process, answers and changes nothing. A
 * process of its own, because whoever serves a mount must not wait for it. Arguments: the mount's
 * directory, its device number, whether it is read-only. Batches come by descriptor 3; when the
 * server ends, so does that.
 */
import { closeSync, constants } from 'node:fs';
import { Errno, errno, unlessRefused } from '../../errno.ts';
import { bytesOfLatin1 } from '../../latin1.ts';
import { exitProcess } from '../../process/index.ts';
import {
  AT,
  clearMountAttributes,
  cloneMount,
  getXattr,
  MOUNT_ATTR,
  mkdirAt,
  mknodAt,
  O_PATH,
  openAt,
  openAt2,
  PollSet,
  RESOLVE,
  readWaiting,
  reconfigureFileSystem,
  renameAt,
  rmdirAt,
  S_IFDIR,
  S_IFLNK,
  statFd,
  symlinkAt,
  unlinkAt,
  utimensAt,
} from '../../sys/index.ts';
import {
  type Batch,
  DONE,
  ELSEWHERE,
  type FileReplay,
  type MoveReplay,
  type Replay,
  type ReplayPlace,
} from './batch.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;

/** No step may leave the mount, whatever a task or another mount puts in the way. */
const STAY = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV;

const [mountpoint = '', device = '', access = ''] = process.argv.slice(2);
const isReadOnly = access === 'read-only';

function repeatAll({ number, paths, groups }: Batch): void {
  const root = openRoot();
  if (root === undefined) return;
  const directories = new Map<number, number | undefined>();
  const open = (directory: number): number => {
    const known = directories.get(directory);
    if (known !== undefined) return known;
    const fd = openBelow(root, bytesOfLatin1(paths[directory] ?? ''));
    directories.set(directory, fd);
    return fd;
  };
  try {
    for (const [index, replays] of groups.entries()) {
      for (const [at, replay] of replays.entries()) {
        unlessRefused(() => repeat(replay, at, root, open));
      }
      unlessRefused(() => getXattr(root, DONE + (number + index)));
    }
  } finally {
    for (const fd of [...directories.values(), root]) if (fd !== undefined) closeSync(fd);
  }
}

/** The root of the mount; undefined where it is gone, or something else lies over it. */
function openRoot(): number | undefined {
  return unlessRefused(() => {
    const fd = openAt(AT.FDCWD, mountpoint, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (unlessRefused(() => statFd(fd).dev) === BigInt(device)) {
      return isReadOnly ? writableCopy(fd) : fd;
    }
    closeSync(fd);
    return undefined;
  });
}

let isReconfigured = false;

/**
 * The same root in a mount that nobody else sees, which may be written to: what the kernel lets
 * through there, the server refuses. Kept open it would keep the file system alive, though
 * unmounted. The file system itself is writable for as long as somebody watches it: of one that is
 * not the kernel need not ask for attributes again after each reading, as it does for atime.
 */
function writableCopy(root: number): number {
  try {
    if (!isReconfigured) reconfigureFileSystem(root, 'rw');
    isReconfigured = true;
    const copy = cloneMount(root);
    clearMountAttributes(copy, MOUNT_ATTR.RDONLY);
    return copy;
  } finally {
    closeSync(root);
  }
}

const openBelow = (directory: number, path: Uint8Array): number =>
  openAt2(directory, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, STAY);

/** `at`: the number of the replay in its group. */
function repeat(
  replay: Replay,
  at: number,
  root: number,
  open: (directory: number) => number,
): void {
  if (replay.kind === 'move') {
    repeatMove(replay, at, root, open);
    return;
  }
  const fd = open(replay.at.directory);
  const name = bytesOfLatin1(replay.at.name);
  if (replay.kind === 'file') repeatChanges(replay, fd, name);
  else if (replay.type === S_IFDIR) rmdirAt(fd, name);
  else unlinkAt(fd, name);
}

function repeatMove(
  { from, to, type }: MoveReplay,
  at: number,
  root: number,
  open: (directory: number) => number,
): void {
  const place = (half: ReplayPlace | undefined) =>
    half
      ? { fd: open(half.directory), name: bytesOfLatin1(half.name) }
      : { fd: elsewhere, name: Buffer.from(String(at)) };
  const elsewhere = from && to ? -1 : openBelow(root, Buffer.from(ELSEWHERE));
  try {
    const [old, fresh] = [place(from), place(to)];
    // The kernel knows a directory by one name, and gives it another one no more while it renames.
    if (type === S_IFDIR && from?.directory !== to?.directory)
      closeSync(openBelow(old.fd, old.name));
    renameAt(old.fd, old.name, fresh.fd, fresh.name, 0);
  } finally {
    if (elsewhere !== -1) closeSync(elsewhere);
  }
}

function repeatChanges(replay: FileReplay, directory: number, name: Uint8Array): void {
  const { created, modified, attributes, closed, type } = replay;
  if (created && !closed) make(directory, name, type);
  if (!closed && !modified && !attributes) return;
  const flags = closed
    ? O_WRONLY | O_NONBLOCK | O_NOFOLLOW | (created ? O_CREAT | O_EXCL : 0)
    : O_PATH | O_NOFOLLOW;
  const fd = openAt2(directory, name, flags, STAY, created && closed ? 0o600 : 0);
  try {
    // Of the modification time alone: to the kernel, a change of the content.
    if (modified) touch(fd, 'omit');
    if (attributes) touch(fd, 'now');
  } finally {
    closeSync(fd);
  }
}

/**
 * The server answers with the attributes that it gave last, so that none of the pages which the
 * kernel keeps passes for new: it must have given some.
 */
function touch(fd: number, atime: 'omit' | 'now'): void {
  try {
    utimensAt(fd, '', atime, 'now');
  } catch (error) {
    if (!(error instanceof Errno) || error.errno !== errno.EAGAIN) throw error;
    statFd(fd);
    utimensAt(fd, '', atime, 'now');
  }
}

function make(directory: number, name: Uint8Array, type: number): void {
  if (type === S_IFDIR) mkdirAt(directory, name, 0o700);
  else if (type === S_IFLNK) symlinkAt('x', directory, name);
  else mknodAt(directory, name, type | 0o600, 0);
}

/** Asks the server something, upon which it takes what else it is told. */
function call(): void {
  const root = openRoot();
  if (root === undefined) return;
  unlessRefused(() => getXattr(root, `${DONE}0`));
  closeSync(root);
}

/** Reads the lines that come by a descriptor, once it is readable; undefined: it is at its end. */
function linesOf(fd: number): () => string[] | undefined {
  const buffer = Buffer.alloc(64 * 1024);
  let unfinished = '';
  return () => {
    const length = unlessRefused(() => readWaiting(fd, buffer));
    if (!length) return undefined;
    const lines = (unfinished + buffer.toString('latin1', 0, length)).split('\n');
    unfinished = lines.pop() ?? '';
    return lines;
  };
}

function end(): void {
  const root = isReconfigured ? openRoot() : undefined;
  if (root !== undefined) unlessRefused(() => reconfigureFileSystem(root, 'ro'));
  exitProcess(0);
}

/** Blocks, which costs less than an event loop for each batch. */
function serve(): void {
  const batch = (line: string): void => repeatAll(JSON.parse(line) as Batch);
  const sources = [
    { lines: linesOf(0), take: call },
    { lines: linesOf(3), take: batch },
  ];
  const polled = new PollSet([0, 3]);
  for (;;) {
    if (polled.wait(-1) <= 0) continue;
    for (const [index, source] of sources.entries()) {
      if (!polled.isReadable(index)) continue;
      const lines = source.lines();
      if (!lines) return;
      for (const line of lines) source.take(line);
    }
  }
}

serve();
end();
