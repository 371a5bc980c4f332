import { describe, expect, test } from 'vitest';
import type { FileSystem } from '../../src/fs/filesystem.ts';
import { BackingIds } from '../../src/fs/kernel/backing.ts';
import { LockOwners } from '../../src/fs/kernel/lock-owners.ts';
import { answer } from '../../src/fs/kernel/loop.ts';
import { writeU64 } from '../../src/fs/kernel/number64.ts';
import { OP } from '../../src/fs/kernel/opcode.ts';
import { Reply } from '../../src/fs/kernel/reply.ts';
import { Request } from '../../src/fs/kernel/request.ts';
import type { Session } from '../../src/fs/kernel/session.ts';
import { Transfer } from '../../src/fs/kernel/transfer.ts';
import { WaitingLocks } from '../../src/fs/kernel/waiting-locks.ts';
import {
  fileLock,
  inHeader,
  initIn,
  interruptIn,
  lkIn,
  outHeader,
} from '../../src/fs/kernel/wire.ts';
import { Errno, errno } from '../../src/sys/index.ts';

/** Requests without a kernel: the bytes of one go in, the replies that were written come out. */
function connection(fileSystem: Partial<FileSystem>) {
  const replies: { unique: number; error: number; length: number; bytes: Buffer }[] = [];
  const faults: string[] = [];
  let ready = 0;
  const record = (bytes: Buffer, length: number): number => {
    replies.push({
      length,
      error: bytes.readInt32LE(outHeader.at.error),
      unique: Number(bytes.readBigUInt64LE(outHeader.at.unique)),
      bytes: Buffer.from(bytes.subarray(0, length)),
    });
    return 0;
  };
  const settleReply = new Reply(64);
  const session: Session = {
    fileSystem: fileSystem as FileSystem,
    wish: { passthrough: true, kernelChecksAccess: true },
    notify: () => {},
    changed: () => {},
    backing: new BackingIds(() => 7, undefined),
    passedThrough: new Map(),
    transfer: new Transfer(-1),
    lockOwners: new LockOwners(),
    waitingLocks: new WaitingLocks((unique, error) => {
      const length = error ? settleReply.refuse(unique, error) : settleReply.seal(unique, 0);
      record(settleReply.bytes, length);
    }),
    connection: undefined,
    onReady: () => ready++,
    onFault: (operation) => faults.push(operation),
  };
  const request = new Request(4096);
  const reply = new Reply(65536);

  function send(opcode: number, unique: number, body: Buffer = Buffer.alloc(256)): void {
    const length = inHeader.size + body.length;
    request.bytes.fill(0);
    request.view.setUint32(inHeader.at.len, length, true);
    request.view.setUint32(inHeader.at.opcode, opcode, true);
    writeU64(request.view, inHeader.at.unique, unique);
    writeU64(request.view, inHeader.at.nodeid, 1);
    request.bytes.set(body, inHeader.size);
    request.accept(length);
    answer({ write: record }, session, request, reply);
  }
  return { send, replies, faults, session, readyCount: () => ready };
}

/** A file system whose every operation throws. */
const throwing = (make: () => unknown): Partial<FileSystem> =>
  new Proxy({} as Partial<FileSystem>, {
    get: () => () => {
      throw make();
    },
  });

const SILENT: readonly number[] = [OP.FORGET, OP.BATCH_FORGET, OP.INTERRUPT];

function lockBody(type: number): Buffer {
  const body = Buffer.alloc(lkIn.size);
  body.writeBigUInt64LE(5n, lkIn.at.fh);
  body.writeBigUInt64LE(77n, lkIn.at.owner);
  body.writeUInt32LE(type, lkIn.at.lk + fileLock.at.type);
  return body;
}

describe('dispatch', () => {
  test('answers every operation exactly once, whatever its handler throws', () => {
    const odd = connection(throwing(() => new TypeError('not an Errno')));
    for (let opcode = 1; opcode < 64; opcode++) {
      if (opcode !== OP.FORGET) odd.send(opcode, opcode * 2);
    }
    const asked = Array.from({ length: 63 }, (_, index) => index + 1);
    const answered = asked.filter((opcode) => !SILENT.includes(opcode));
    expect(odd.replies.map(({ unique }) => unique / 2)).toEqual(answered);
    expect(odd.faults.length).toBeGreaterThan(20);
  });

  test('gives the errno that was thrown, and EIO for what is none', () => {
    const refusing = connection(throwing(() => Errno.of(errno.ENOTEMPTY)));
    refusing.send(OP.RMDIR, 2);
    expect(refusing.replies).toMatchObject([{ unique: 2, error: -errno.ENOTEMPTY, length: 16 }]);
    const failing = connection(throwing(() => new Error('unexpected')));
    failing.send(OP.RMDIR, 4);
    expect(failing.replies).toMatchObject([{ unique: 4, error: -errno.EIO }]);
    expect(failing.faults).toEqual(['RMDIR']);
  });

  test('answers an operation that it does not know with ENOSYS', () => {
    const { send, replies } = connection({});
    send(4095, 2);
    expect(replies).toMatchObject([{ error: -errno.ENOSYS }]);
  });

  test('agrees with kernels of 7.31 and later, sends newer majors back, refuses older ones', () => {
    const init = (major: number, minor: number) => {
      const { send, replies, readyCount } = connection({});
      const body = Buffer.alloc(initIn.size);
      body.writeUInt32LE(major, 0);
      body.writeUInt32LE(minor, 4);
      send(OP.INIT, 2, body);
      const [reply] = replies;
      return {
        error: reply?.error,
        minor: reply?.error === 0 ? reply.bytes.readUInt32LE(16 + 4) : undefined,
        ready: readyCount(),
      };
    };
    expect(init(7, 31)).toEqual({ error: 0, minor: 31, ready: 1 });
    expect(init(7, 77)).toEqual({ error: 0, minor: 45, ready: 1 });
    expect(init(8, 0)).toMatchObject({ error: 0, ready: 0 });
    expect(init(7, 30)).toMatchObject({ error: -errno.EPROTO, ready: 0 });
  });

  test('lets a lock wait without a reply until it is free', () => {
    let held = true;
    const { send, replies, session } = connection({
      setlk: () => {
        if (held) throw Errno.of(errno.EAGAIN);
      },
      lockHolder: () => undefined,
    });
    send(OP.SETLKW, 10, lockBody(1));
    session.waitingLocks.retry();
    expect(replies).toEqual([]);
    held = false;
    session.waitingLocks.retry();
    expect(replies).toMatchObject([{ unique: 10, error: 0 }]);
    expect(session.waitingLocks.size).toBe(0);
  });

  test('ends a wait for a lock with EINTR when the caller is interrupted', () => {
    const { send, replies } = connection({
      setlk: () => {
        throw Errno.of(errno.EAGAIN);
      },
      lockHolder: () => undefined,
    });
    send(OP.SETLKW, 10, lockBody(1));
    const body = Buffer.alloc(interruptIn.size);
    body.writeBigUInt64LE(10n);
    send(OP.INTERRUPT, 11, body);
    send(OP.INTERRUPT, 13, body);
    expect(replies).toMatchObject([{ unique: 10, error: -errno.EINTR }]);
  });

  test('refuses a lock at once where the caller does not wait', () => {
    const { send, replies } = connection(throwing(() => Errno.of(errno.EAGAIN)));
    send(OP.SETLK, 10, lockBody(1));
    expect(replies).toMatchObject([{ unique: 10, error: -errno.EAGAIN }]);
  });
});

describe('backing ids', () => {
  test('are shared by all opens of a node and closed with the last', () => {
    const calls: string[] = [];
    const ids = new BackingIds((request, argument) => {
      const opens = argument.length === 16;
      calls.push(opens ? 'open' : 'close');
      return opens ? 42 : request * 0;
    }, undefined);
    expect(ids.acquire(5, 10)).toBe(42);
    expect(ids.acquire(5, 11)).toBe(42);
    ids.release(5);
    expect(calls).toEqual(['open']);
    ids.release(5);
    expect(calls).toEqual(['open', 'close']);
    expect(ids.size).toBe(0);
  });

  test('are given up, with the reason, once the kernel refuses', () => {
    const ids = new BackingIds(() => {
      throw Errno.of(errno.EPERM);
    }, undefined);
    expect(ids.acquire(5, 10)).toBeUndefined();
    expect(ids.offBecause).toMatch(/CAP_SYS_ADMIN/);
  });
});
