import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Errno, errno } from '../../src/errno.ts';
import { OP, opcodeName } from '../../src/fuse/protocol/opcode.ts';
import { batchForgetIn, forgetOne, initIn } from '../../src/fuse/protocol/structs.ts';
import { connection, throwing } from './connection.ts';

const HEADER = '/usr/include/linux/fuse.h';

/** What the protocol gives no reply to, whatever becomes of it. */
const SILENT: ReadonlySet<number> = new Set([
  OP.FORGET,
  OP.BATCH_FORGET,
  OP.INTERRUPT,
  OP.NOTIFY_REPLY,
]);
/** What the kernel is to do without: it asks once, and not again. */
const REFUSED: ReadonlySet<number> = new Set([OP.BMAP, OP.POLL, OP.SETUPMAPPING, OP.REMOVEMAPPING]);
/** What the driver answers by itself, without the file system. */
const ITS_OWN: ReadonlySet<number> = new Set([OP.INIT, OP.DESTROY]);

const known: readonly number[] = Object.values(OP);
const last = Math.max(...known);
/**
 * Gaps in the list, what comes after its end, CUSE's, and those reserved to detect the byte order.
 */
const unknown = [0, 7, 19, last + 1, last + 2, last + 11, 4095, 4096, 1048576, 436207616];
const asksFileSystem = known.filter(
  (opcode) => ![SILENT, REFUSED, ITS_OWN].some((set) => set.has(opcode)),
);

/**
 * A body that leads each handler to the file system: zeroes, but for what counts or names a
 * version.
 */
function bodyOf(opcode: number): Buffer {
  const body = Buffer.alloc(256);
  if (opcode === OP.INIT) {
    body.writeUInt32LE(7, initIn.at.major);
    body.writeUInt32LE(40, initIn.at.minor);
  }
  if (opcode === OP.BATCH_FORGET) {
    body.writeUInt32LE(1, batchForgetIn.at.count);
    body.writeBigUInt64LE(9n, batchForgetIn.size + forgetOne.at.nodeid);
  }
  return body;
}

/** The names and error numbers of what was answered, when each operation's file system throws. */
function sweep(opcodes: readonly number[], thrown: () => unknown) {
  const driver = connection(throwing(thrown));
  for (const opcode of opcodes) driver.send(opcode, opcode * 2 + 2, bodyOf(opcode));
  const answers = driver.replies.map(
    ({ unique, error, length }) => `${opcodeName((unique - 2) / 2)} ${-error} ${length}`,
  );
  return { answers, faults: driver.faults };
}

const refusals = (opcodes: readonly number[], number: number): string[] =>
  opcodes.map((opcode) => `${opcodeName(opcode)} ${number} 16`);

describe('the operations', () => {
  test('are all that <linux/fuse.h> lists', () => {
    const [, list = ''] = /enum fuse_opcode \{([^}]*)\}/.exec(readFileSync(HEADER, 'utf8')) ?? [];
    const listed = [...list.matchAll(/\bFUSE_(\w+)\s*=\s*(\d+)/g)]
      .map(([, name = '', number]) => [name, Number(number)] as const)
      .filter(([name]) => !name.endsWith('RESERVED'));
    expect(listed.length).toBeGreaterThanOrEqual(47);
    expect(OP).toMatchObject(Object.fromEntries(listed));
  });

  test('that ask the file system answer EIO, once, when it throws what is no Errno', () => {
    const { answers, faults } = sweep(asksFileSystem, () => new TypeError('not an Errno'));
    expect(answers).toEqual(refusals(asksFileSystem, errno.EIO));
    expect(faults).toEqual(asksFileSystem.map(opcodeName));
  });

  test('that ask the file system answer the Errno that it throws, once', () => {
    const { answers, faults } = sweep(asksFileSystem, () => Errno.of(errno.ENOTEMPTY));
    expect(answers).toEqual(refusals(asksFileSystem, errno.ENOTEMPTY));
    expect(faults).toEqual([]);
  });

  test('that want no reply get none, also when the file system throws', () => {
    const { answers, faults } = sweep([...SILENT], () => new TypeError('not an Errno'));
    expect(answers).toEqual([]);
    expect(faults).toEqual(['FORGET', 'BATCH_FORGET']);
  });

  test('that there is nothing to do for, and those that nobody knows, answer ENOSYS, once', () => {
    const asked = [...REFUSED, ...unknown];
    const { answers, faults } = sweep(asked, () => new TypeError('not to be called'));
    expect(answers).toEqual(refusals(asked, errno.ENOSYS));
    expect(faults).toEqual([]);
  });

  test('that begin and end a connection succeed without the file system', () => {
    const { answers, faults } = sweep([...ITS_OWN], () => new TypeError('not to be called'));
    expect(answers).toEqual(['INIT 0 80', 'DESTROY 0 16']);
    expect(faults).toEqual([]);
  });
});
