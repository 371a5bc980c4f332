import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Struct } from '../../src/fuse/protocol/struct.ts';
import * as wire from '../../src/fuse/protocol/structs.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** Our description of a struct, the C type that it must equal, and where a field is called otherwise there. */
interface Pair {
  readonly ours: Struct;
  readonly type: string;
  readonly renamed?: Readonly<Record<string, string>>;
  /** Fields that the header of this system may not have yet. */
  readonly newer?: readonly string[];
}

const inFuseHeader: readonly Pair[] = [
  { ours: wire.inHeader, type: 'struct fuse_in_header' },
  { ours: wire.outHeader, type: 'struct fuse_out_header' },
  { ours: wire.attr, type: 'struct fuse_attr' },
  { ours: wire.entryOut, type: 'struct fuse_entry_out' },
  { ours: wire.attrOut, type: 'struct fuse_attr_out' },
  { ours: wire.initIn, type: 'struct fuse_init_in' },
  {
    ours: wire.initOut,
    type: 'struct fuse_init_out',
    newer: ['max_stack_depth', 'request_timeout', 'unused'],
  },
  { ours: wire.forgetIn, type: 'struct fuse_forget_in' },
  { ours: wire.forgetOne, type: 'struct fuse_forget_one' },
  { ours: wire.batchForgetIn, type: 'struct fuse_batch_forget_in' },
  { ours: wire.interruptIn, type: 'struct fuse_interrupt_in' },
  { ours: wire.accessIn, type: 'struct fuse_access_in' },
  { ours: wire.getattrIn, type: 'struct fuse_getattr_in' },
  { ours: wire.setattrIn, type: 'struct fuse_setattr_in' },
  { ours: wire.mknodIn, type: 'struct fuse_mknod_in' },
  { ours: wire.mkdirIn, type: 'struct fuse_mkdir_in' },
  { ours: wire.linkIn, type: 'struct fuse_link_in' },
  { ours: wire.renameIn, type: 'struct fuse_rename_in' },
  { ours: wire.rename2In, type: 'struct fuse_rename2_in' },
  { ours: wire.openIn, type: 'struct fuse_open_in' },
  { ours: wire.createIn, type: 'struct fuse_create_in' },
  { ours: wire.openOut, type: 'struct fuse_open_out', newer: ['backing_id'] },
  { ours: wire.releaseIn, type: 'struct fuse_release_in' },
  { ours: wire.flushIn, type: 'struct fuse_flush_in' },
  { ours: wire.fsyncIn, type: 'struct fuse_fsync_in' },
  { ours: wire.readIn, type: 'struct fuse_read_in' },
  { ours: wire.writeIn, type: 'struct fuse_write_in' },
  { ours: wire.writeOut, type: 'struct fuse_write_out' },
  { ours: wire.lseekIn, type: 'struct fuse_lseek_in' },
  { ours: wire.lseekOut, type: 'struct fuse_lseek_out' },
  { ours: wire.fallocateIn, type: 'struct fuse_fallocate_in' },
  { ours: wire.copyFileRangeIn, type: 'struct fuse_copy_file_range_in' },
  { ours: wire.ioctlIn, type: 'struct fuse_ioctl_in' },
  { ours: wire.ioctlOut, type: 'struct fuse_ioctl_out' },
  { ours: wire.statfsOut, type: 'struct fuse_kstatfs' },
  { ours: wire.setxattrIn, type: 'struct fuse_setxattr_in' },
  { ours: wire.getxattrIn, type: 'struct fuse_getxattr_in' },
  { ours: wire.getxattrOut, type: 'struct fuse_getxattr_out' },
  { ours: wire.fileLock, type: 'struct fuse_file_lock' },
  { ours: wire.lkIn, type: 'struct fuse_lk_in' },
  { ours: wire.lkOut, type: 'struct fuse_lk_out' },
  { ours: wire.notifyInvalInode, type: 'struct fuse_notify_inval_inode_out' },
  { ours: wire.notifyInvalEntry, type: 'struct fuse_notify_inval_entry_out' },
];

/** Structs newer than Debian's header: those of fuse_statx are statx(2)'s own, field by field. */
const likeStatx: Pair = {
  ours: wire.statx,
  type: 'struct statx',
  renamed: Object.fromEntries(
    Object.keys(wire.statx.at).map((field) => [field, field.replace(/^(?!__)/, 'stx_')]),
  ),
  newer: ['__spare2'],
};

function program(pairs: readonly Pair[]): string {
  const lines = pairs.flatMap(({ ours, type, renamed = {}, newer = [] }) => {
    const fields = Object.keys(ours.at).filter((field) => !newer.includes(field));
    const offsets = fields.map(
      (field) =>
        `printf("${type} ${field} %zu\\n", offsetof(${type}, ${renamed[field] ?? field}));`,
    );
    return [`printf("${type} sizeof %zu\\n", sizeof(${type}));`, ...offsets];
  });
  return `#include <stdio.h>
#include <stddef.h>
#include <linux/fuse.h>
#include <linux/stat.h>
int main(void) {
${lines.join('\n')}
return 0; }`;
}

function expected(pairs: readonly Pair[]): string[] {
  return pairs.flatMap(({ ours, type, newer = [] }) => [
    `${type} sizeof ${ours.size}`,
    ...Object.entries(ours.at)
      .filter(([field]) => !newer.includes(field))
      .map(([field, offset]) => `${type} ${field} ${offset}`),
  ]);
}

function compileAndRun(source: string): string[] {
  const directory = temporaryDirectory();
  const file = join(directory, 'layout.c');
  const binary = join(directory, 'layout');
  writeFileSync(file, source);
  execFileSync('cc', ['-o', binary, file]);
  return execFileSync(binary, { encoding: 'utf8' }).trim().split('\n');
}

describe('the wire structs', () => {
  test('have the offsets and sizes that a C compiler finds in <linux/fuse.h>', () => {
    expect(compileAndRun(program(inFuseHeader))).toEqual(expected(inFuseHeader));
  });

  test('describe fuse_statx as <linux/stat.h> describes statx', () => {
    const found = compileAndRun(program([likeStatx])).filter((line) => !line.includes('sizeof'));
    expect(found).toEqual(expected([likeStatx]).filter((line) => !line.includes('sizeof')));
    expect(wire.statx.size).toBe(256);
    expect(wire.statxOut.size).toBe(288);
    expect(wire.statxIn.size).toBe(24);
  });

  test('keep fields that are newer than the header in what used to be padding', () => {
    expect(wire.initOut.at.max_stack_depth).toBe(wire.initOut.at.flags2 + 4);
    expect(wire.initOut.at.request_timeout).toBe(wire.initOut.at.flags2 + 8);
    expect(wire.openOut.at.backing_id).toBe(12);
    expect(wire.backingMap.size).toBe(16);
    expect(wire.dirent.size).toBe(24);
  });
});
