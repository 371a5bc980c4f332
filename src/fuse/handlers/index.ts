/** What each operation of the protocol does, by number. What is not listed is ENOSYS. */
import { OP } from '../protocol/opcode.ts';
import type { Handler } from '../session.ts';
import * as connection from './connection.ts';
import * as directory from './directory.ts';
import * as file from './file.ts';
import * as ioctl from './ioctl.ts';
import * as lock from './lock.ts';
import * as node from './node.ts';
import * as permission from './permission.ts';
import * as xattr from './xattr.ts';

/**
 * ENOSYS tells the kernel to do without from then on: BMAP, POLL (files are always ready), and
 * what only virtiofs sends.
 */
export const handlers: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [OP.INIT, connection.init],
  [OP.DESTROY, connection.destroy],
  [OP.FORGET, connection.forget],
  [OP.BATCH_FORGET, connection.batchForget],
  [OP.INTERRUPT, connection.interrupt],
  [OP.LOOKUP, node.lookup],
  [OP.ACCESS, permission.access],
  [OP.GETATTR, node.getattr],
  [OP.STATX, node.statx],
  [OP.SETATTR, node.setattr],
  [OP.READLINK, node.readlink],
  [OP.SYMLINK, node.symlink],
  [OP.MKNOD, node.mknod],
  [OP.MKDIR, node.mkdir],
  [OP.UNLINK, node.unlink],
  [OP.RMDIR, node.rmdir],
  [OP.RENAME, node.rename],
  [OP.RENAME2, node.rename2],
  [OP.LINK, node.link],
  [OP.STATFS, node.statfs],
  [OP.SYNCFS, node.syncfs],
  [OP.OPEN, file.open],
  [OP.CREATE, file.create],
  [OP.TMPFILE, file.tmpfile],
  [OP.READ, file.read],
  [OP.WRITE, file.write],
  [OP.FLUSH, file.flush],
  [OP.RELEASE, file.release],
  [OP.FSYNC, file.fsync],
  [OP.LSEEK, file.lseek],
  [OP.FALLOCATE, file.fallocate],
  [OP.COPY_FILE_RANGE, file.copyFileRange],
  [OP.COPY_FILE_RANGE_64, file.copyFileRange64],
  [OP.OPENDIR, directory.opendir],
  [OP.READDIR, directory.readdir],
  [OP.READDIRPLUS, directory.readdirplus],
  [OP.RELEASEDIR, directory.releasedir],
  [OP.FSYNCDIR, directory.fsyncdir],
  [OP.GETXATTR, xattr.getxattr],
  [OP.LISTXATTR, xattr.listxattr],
  [OP.SETXATTR, xattr.setxattr],
  [OP.REMOVEXATTR, xattr.removexattr],
  [OP.IOCTL, ioctl.ioctl],
  [OP.GETLK, lock.getlk],
  [OP.SETLK, lock.setlk],
  [OP.SETLKW, lock.setlkw],
]);
