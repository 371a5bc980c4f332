import { expect, onTestFinished, test } from 'vitest';
import type { DirectoryEntry, PlainEntry } from '../../src/fs/index.ts';
import { createFileSystem, ROOT } from '../../src/fs/index.ts';
import { makeArchive } from '../support/made-archive.ts';
import { storeWithKeys } from '../support/sealable.ts';

/** An entry with the attributes that lookup would give, however it was listed. */
interface Listed {
  readonly name: string;
  readonly ino: bigint;
  readonly type: number;
  readonly cookie: bigint;
  readonly attributes: unknown;
}

const nanoseconds = (time: { seconds: number; nanoseconds: number }): bigint =>
  BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanoseconds);

function fromEntry({ name, ino, type, cookie, found }: DirectoryEntry): Listed {
  const common = { name: Buffer.from(name).toString(), ino, type, cookie };
  if (!found) return { ...common, attributes: undefined };
  const { node, entryTtlMs, attrTtlMs, attr } = found;
  const { mode, nlink, uid, gid, size, blocks, blksize, atimeNs, mtimeNs, ctimeNs } = attr;
  const numbers = { mode, nlink, uid, gid, size, blocks, blksize, atimeNs, mtimeNs, ctimeNs };
  return { ...common, attributes: { node, entryTtlMs, attrTtlMs, ...numbers } };
}

/** What a record says now: it serves a whole listing. */
function fromPlain(entry: PlainEntry): Listed {
  const { bytes, from, to, inoHigh, inoLow, type, cookie, attributes } = entry;
  if (!attributes) throw new Error('listed by name alone');
  const { size, blocks, atime, mtime, ctime, ...same } = attributes;
  return {
    name: Buffer.from(bytes.subarray(from, to)).toString(),
    ino: (BigInt(inoHigh) << 32n) + BigInt(inoLow),
    type,
    cookie: BigInt(cookie),
    attributes: {
      ...{ node: same.node, entryTtlMs: same.entryTtlMs, attrTtlMs: same.attrTtlMs },
      ...{ mode: same.mode, nlink: same.nlink, uid: same.uid, gid: same.gid },
      ...{ size: BigInt(size), blocks: BigInt(blocks), blksize: same.blksize },
      ...{ atimeNs: nanoseconds(atime), mtimeNs: nanoseconds(mtime), ctimeNs: nanoseconds(ctime) },
    },
  };
}

test('a connection shared with live files lists archived ones, with the same content', async () => {
  const store = await storeWithKeys();
  await makeArchive(store, 'many', { directories: 2, filesEach: 100 });
  const fileSystem = createFileSystem(store);
  onTestFinished(() => fileSystem.close());
  const caller = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, pid: process.pid };
  const path = ['archive', 'many', 'directory-0001'];
  const node = path.reduce(
    (parent, name) => fileSystem.lookup(parent, Buffer.from(name), caller)?.node ?? 0,
    ROOT,
  );
  const handle = fileSystem.opendir(node, caller);

  const slow: Listed[] = [];
  fileSystem.readdir(handle, 0n, (entry) => slow.push(fromEntry(entry)) > 0);
  const fast: Listed[] = [];
  let plain = 0;
  fileSystem.readdir(
    handle,
    0n,
    (entry) => fast.push(fromEntry(entry)) > 0,
    (entry) => {
      plain++;
      return fast.push(fromPlain(entry)) > 0;
    },
  );
  fileSystem.releasedir(handle);

  expect(fast).toEqual(slow);
  expect(fast).toHaveLength(102);
  expect(plain).toBe(100);
});
