import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import {
  AT,
  chmodFd,
  linkAt,
  mkdirAt,
  openAt,
  setXattr,
  symlinkAt,
  utimensAt,
} from '../../src/sys/index.ts';
import type { TarSource } from '../../src/tar/index.ts';
import { readTar, type TarMember } from '../../src/tar/index.ts';

/** A tar in memory. */
export const bufferSource = (bytes: Buffer): TarSource => ({
  size: bytes.length,
  read: (into, offset) => bytes.copy(into, 0, offset, offset + into.length),
});

/**
 * Makes what a tar holds, as our reader sees it, in an empty directory. Directories get their times
 * last.
 */
export function extractByUs(source: TarSource, directory: string): void {
  const top = Buffer.from(`${directory}/`);
  const at = (path: Buffer): Buffer => Buffer.concat([top, path]);
  const directories: TarMember[] = [];
  for (const member of readTar(source)) {
    const path = at(member.path);
    if (member.type === 'directory') {
      if (!isTop(member.path)) mkdirAt(AT.FDCWD, path, 0o700);
      directories.push(member);
    } else if (member.type === 'symlink') symlinkAt(member.target, AT.FDCWD, path);
    else if (member.type === 'link') linkAt(AT.FDCWD, at(member.target), AT.FDCWD, path);
    else if (member.type === 'file') writeContent(source, member, path);
    if (member.type === 'symlink') utimensAt(AT.FDCWD, path, member.atimeNs, member.mtimeNs);
  }
  for (const member of directories.reverse()) finish(openSync(at(member.path), 'r'), member);
}

const isTop = (path: Buffer): boolean => ['.', './'].includes(path.toString());

function writeContent(source: TarSource, member: TarMember, path: Buffer): void {
  const fd = openAt(AT.FDCWD, path, 0o101 | 0o200, 0o600);
  const stretches = member.extents ?? [{ start: 0, length: member.size }];
  let stored = member.offset;
  for (const { start, length } of stretches) {
    const bytes = Buffer.alloc(length);
    source.read(bytes, stored);
    writeSync(fd, bytes, 0, length, start);
    stored += length;
  }
  ftruncateSync(fd, member.size);
  finish(fd, member);
}

function finish(fd: number, { xattrs, mode, atimeNs, mtimeNs }: TarMember): void {
  for (const [name, value] of xattrs) setXattr(fd, name, value);
  chmodFd(fd, mode);
  utimensAt(fd, '', atimeNs, mtimeNs);
  closeSync(fd);
}
