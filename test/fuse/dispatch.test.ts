import { describe, expect, test } from 'vitest';
import { Errno, errno } from '../../src/errno.ts';
import { OP } from '../../src/fuse/protocol/opcode.ts';
import { fileLock, initIn, interruptIn, lkIn } from '../../src/fuse/protocol/structs.ts';
import { connection, throwing } from './connection.ts';

function lockBody(type: number, owner = 77n): Buffer {
  const body = Buffer.alloc(lkIn.size);
  body.writeBigUInt64LE(5n, lkIn.at.fh);
  body.writeBigUInt64LE(owner, lkIn.at.owner);
  body.writeUInt32LE(type, lkIn.at.lk + fileLock.at.type);
  return body;
}

describe('dispatch', () => {
  test('gives the errno that was thrown, and EIO for what is none', () => {
    const refusing = connection(throwing(() => Errno.of(errno.ENOTEMPTY)));
    refusing.send(OP.RMDIR, 2);
    expect(refusing.replies).toMatchObject([{ unique: 2, error: -errno.ENOTEMPTY, length: 16 }]);
    const failing = connection(throwing(() => new Error('unexpected')));
    failing.send(OP.RMDIR, 4);
    expect(failing.replies).toMatchObject([{ unique: 4, error: -errno.EIO }]);
    expect(failing.faults).toEqual(['RMDIR']);
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

  test('refuses one wait of a circle that closes when another lock is in the way', () => {
    const inTheWay = new Map([
      [1n, 2n],
      [2n, 3n],
    ]);
    const { send, replies, session } = connection({
      setlk: () => {
        throw Errno.of(errno.EAGAIN);
      },
      lockHolder: (_handle, owner) => inTheWay.get(owner),
    });
    send(OP.SETLKW, 10, lockBody(1, 1n));
    send(OP.SETLKW, 12, lockBody(1, 2n));
    session.waitingLocks.retry();
    expect(replies).toEqual([]);
    inTheWay.set(2n, 1n);
    session.waitingLocks.retry();
    session.waitingLocks.retry();
    expect(replies).toMatchObject([{ unique: 10, error: -errno.EDEADLK }]);
    expect(session.waitingLocks.size).toBe(1);
  });

  test('refuses a lock at once where the caller does not wait', () => {
    const { send, replies } = connection(throwing(() => Errno.of(errno.EAGAIN)));
    send(OP.SETLK, 10, lockBody(1));
    expect(replies).toMatchObject([{ unique: 10, error: -errno.EAGAIN }]);
  });
});
