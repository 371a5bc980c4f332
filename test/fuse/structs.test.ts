import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Struct } from '../../src/fuse/protocol/struct.ts';
import * as structs from '../../src/fuse/protocol/structs.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/**
 * Our description of a struct, the C type that it must equal, and where a field is called
 * otherwise there.
 */
interface Pair {
  readonly ours: Struct;
  readonly type: string;
  readonly renamed?: Readonly<Record<string, string>>;
  /** Fields that the header of this system may not have yet. */
  readonly newer?: readonly string[];
}

const inFuseHeader: readonly Pair[] = [
  { ours: structs.inHeader, type: 'struct fuse_in_header' },
  { ours: structs.outHeader, type: 'struct fuse_out_header' },
  { ours: structs.attr, type: 'struct fuse_attr' },
  { ours: structs.entryOut, type: 'struct fuse_entry_out' },
  { ours: structs.attrOut, type: 'struct fuse_attr_out' },
  { ours: structs.initIn, type: 'struct fuse_init_in' },
  {
    ours: structs.initOut,
    type: 'struct fuse_init_out',
    newer: ['max_stack_depth', 'request_timeout', 'unused'],
  },
  { ours: structs.forgetIn, type: 'struct fuse_forget_in' },
  { ours: structs.forgetOne, type: 'struct fuse_forget_one' },
  { ours: structs.batchForgetIn, type: 'struct fuse_batch_forget_in' },
  { ours: structs.interruptIn, type: 'struct fuse_interrupt_in' },
  { ours: structs.accessIn, type: 'struct fuse_access_in' },
  { ours: structs.getattrIn, type: 'struct fuse_getattr_in' },
  { ours: structs.setattrIn, type: 'struct fuse_setattr_in' },
  { ours: structs.mknodIn, type: 'struct fuse_mknod_in' },
  { ours: structs.mkdirIn, type: 'struct fuse_mkdir_in' },
  { ours: structs.linkIn, type: 'struct fuse_link_in' },
  { ours: structs.renameIn, type: 'struct fuse_rename_in' },
  { ours: structs.rename2In, type: 'struct fuse_rename2_in' },
  { ours: structs.openIn, type: 'struct fuse_open_in' },
  { ours: structs.createIn, type: 'struct fuse_create_in' },
  { ours: structs.openOut, type: 'struct fuse_open_out', newer: ['padding'] },
  { ours: structs.releaseIn, type: 'struct fuse_release_in' },
  { ours: structs.flushIn, type: 'struct fuse_flush_in' },
  { ours: structs.fsyncIn, type: 'struct fuse_fsync_in' },
  { ours: structs.readIn, type: 'struct fuse_read_in' },
  { ours: structs.writeIn, type: 'struct fuse_write_in' },
  { ours: structs.writeOut, type: 'struct fuse_write_out' },
  { ours: structs.lseekIn, type: 'struct fuse_lseek_in' },
  { ours: structs.lseekOut, type: 'struct fuse_lseek_out' },
  { ours: structs.fallocateIn, type: 'struct fuse_fallocate_in' },
  { ours: structs.copyFileRangeIn, type: 'struct fuse_copy_file_range_in' },
  { ours: structs.ioctlIn, type: 'struct fuse_ioctl_in' },
  { ours: structs.ioctlOut, type: 'struct fuse_ioctl_out' },
  { ours: structs.statfsOut, type: 'struct fuse_kstatfs' },
  { ours: structs.setxattrIn, type: 'struct fuse_setxattr_in' },
  { ours: structs.getxattrIn, type: 'struct fuse_getxattr_in' },
  { ours: structs.getxattrOut, type: 'struct fuse_getxattr_out' },
  { ours: structs.fileLock, type: 'struct fuse_file_lock' },
  { ours: structs.lkIn, type: 'struct fuse_lk_in' },
  { ours: structs.lkOut, type: 'struct fuse_lk_out' },
  { ours: structs.notifyInvalInode, type: 'struct fuse_notify_inval_inode_out' },
  { ours: structs.notifyInvalEntry, type: 'struct fuse_notify_inval_entry_out' },
];

/** Structs newer than Debian's header: those of fuse_statx are statx(2)'s own, field by field. */
const likeStatx: Pair = {
  ours: structs.statx,
  type: 'struct statx',
  renamed: Object.fromEntries(
    Object.keys(structs.statx.at).map((field) => [field, field.replace(/^(?!__)/, 'stx_')]),
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

describe('the structs', () => {
  test('have the offsets and sizes that a C compiler finds in <linux/fuse.h>', () => {
    expect(compileAndRun(program(inFuseHeader))).toEqual(expected(inFuseHeader));
  });

  test('describe fuse_statx as <linux/stat.h> describes statx', () => {
    const found = compileAndRun(program([likeStatx])).filter((line) => !line.includes('sizeof'));
    expect(found).toEqual(expected([likeStatx]).filter((line) => !line.includes('sizeof')));
    expect(structs.statx.size).toBe(256);
    expect(structs.statxOut.size).toBe(288);
    expect(structs.statxIn.size).toBe(24);
  });

  test('keep fields that are newer than the header in what used to be padding', () => {
    expect(structs.initOut.at.max_stack_depth).toBe(structs.initOut.at.flags2 + 4);
    expect(structs.initOut.at.request_timeout).toBe(structs.initOut.at.flags2 + 8);
    expect(structs.openOut.at.padding).toBe(12);
    expect(structs.dirent.size).toBe(24);
  });
});
