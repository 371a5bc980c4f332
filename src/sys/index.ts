/**
 * System calls that Node lacks, through koffi. Everything here is synchronous, takes names as raw
 * bytes and descriptors as numbers, and throws `Errno`; nothing here knows tasks, stores or
 * mounts.
 */
export {
  AT,
  chmodFd,
  chownAt,
  linkAt,
  mkdirAt,
  mknodAt,
  O_PATH,
  O_TMPFILE,
  openAt,
  openAt2,
  PATH_MAX,
  RESOLVE,
  readlinkAt,
  reopen,
  rmdirAt,
  symlinkAt,
  unlinkAt,
  utimensAt,
} from './at.ts';
export { nativeChaCha20Poly1305 } from './chacha20-poly1305.ts';
export {
  enterControlGroup,
  moveToControlGroup,
  ownControlGroup,
  ownControllerGroups,
} from './control-group.ts';
export { makingFilesFor } from './credentials.ts';
export { DirentBlock, DT, listDirectory, readDirents, withListing } from './directory.ts';
export { ClosedAfterWriting } from './fanotify.ts';
export {
  copyFileRange,
  dataExtents,
  fallocate,
  readSoon,
  SEEK_DATA,
  SEEK_HOLE,
  seek,
  syncfs,
  syncfsOnThread,
} from './file.ts';
export { closeGate, spawnAtGate } from './gated-spawn.ts';
export {
  FS_FL,
  FS_IOC,
  FS_XFLAG,
  FSXATTR_SIZE,
  INODE_FLAGS_SIZE,
  inodeFlags,
} from './inode-flags.ts';
export { IN, Inotify, type InotifyEvent } from './inotify.ts';
export { addressOf, bind, check, lastErrno, readWaiting } from './libc.ts';
export { fileSystemOf, type LockReach } from './lock-reach.ts';
export {
  findRecordLock,
  isOpenForWriting,
  isSurelyUnwritten,
  setRecordLock,
  tryLock,
  unlock,
  waitLock,
} from './locks.ts';
export { type Machine, thisMachine } from './machine.ts';
export {
  clearMountAttributes,
  cloneMount,
  MNT_DETACH,
  MOUNT_ATTR,
  MS_NODEV,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_PRIVATE,
  MS_RDONLY,
  mountOn,
  moveMount,
  reconfigureFileSystem,
  setMountAttributes,
  UMOUNT_NOFOLLOW,
  unmountFrom,
} from './mount.ts';
export { encodeOctal, type Mount, parseMountinfo, readMountinfo } from './mountinfo.ts';
export { assertNothingMounted, MountedBeneath, mountedOn, openInMount } from './mounts-beneath.ts';
export { joinNames, openBeneath } from './open-beneath.ts';
export { namesOrNone, targetOrEmpty, textOrEmpty } from './optional.ts';
export { PollSet } from './poll.ts';
export {
  becomeSubreaper,
  keepMemoryPrivate,
  makeMemoryFile,
  makePipe,
  raiseOpenFiles,
  reap,
} from './process.ts';
export { characterSize, openPseudoTerminal, setTerminalSize } from './pseudo-terminal.ts';
export { assertUnmounted, NotRemovable, removeTree } from './remove-tree.ts';
export {
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
  renameAt,
  renameToNew,
} from './rename.ts';
export { receiveDescriptor, socketPair } from './socket.ts';
export {
  closeOnExec,
  type ProcessEnd,
  type SpawnedProcess,
  type SpawnOptions,
  spawnProcess,
} from './spawn.ts';
export {
  direntTypeOf,
  findAt,
  isDirectory,
  isRegular,
  isSymlink,
  peekAt,
  peekFd,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  type Stat,
  statAt,
  statFd,
} from './stat.ts';
export { isThreadGone, setUmask, threadNumber, unshareUmask } from './thread.ts';
export { isoNow, isoTime, monotonicMs, nanosecondsOf, type Timespec } from './timespec.ts';
export {
  accessAcl,
  type FileXattrs,
  fileXattrs,
  fileXattrsAt,
  getXattr,
  listXattr,
  modeWithAcl,
  removeXattr,
  setXattr,
  userXattrs,
} from './xattr.ts';
