import { Errno, errno } from '../errno.ts';
import type { FileSystem } from './file-system.ts';
import { changesFlags } from './live/inode-flags.ts';
import { asksToWrite } from './subtree.ts';

/**
 * The same file system, in which every change is EROFS: for mounts that the kernel lets programs
 * change. Pipes and devices may be written to, as on any read-only file system.
 */
export function refuseChanges(fileSystem: Required<FileSystem>): Required<FileSystem> {
  return {
    ...fileSystem,
    isReadOnly: () => true,
    open(node, flags, caller) {
      return asksToWrite(flags) ? refuse() : fileSystem.open(node, flags, caller);
    },
    ioctl(node, command, input, caller) {
      return changesFlags(command) ? refuse() : fileSystem.ioctl(node, command, input, caller);
    },
    setattr: refuse,
    mknod: refuse,
    mkdir: refuse,
    symlink: refuse,
    link: refuse,
    unlink: refuse,
    rmdir: refuse,
    rename: refuse,
    create: refuse,
    tmpfile: refuse,
    setxattr: refuse,
    removexattr: refuse,
  };
}

function refuse(): never {
  throw Errno.of(errno.EROFS);
}
