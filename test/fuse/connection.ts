import type { FileSystem } from '../../src/fs/index.ts';
import { LockOwners, WaitingLocks } from '../../src/fuse/locks.ts';
import { answer } from '../../src/fuse/loop.ts';
import { Reply } from '../../src/fuse/protocol/reply.ts';
import { Request } from '../../src/fuse/protocol/request.ts';
import { writeU64 } from '../../src/fuse/protocol/struct.ts';
import { inHeader, outHeader } from '../../src/fuse/protocol/structs.ts';
import type { Session } from '../../src/fuse/session.ts';
import { SpliceReader } from '../../src/fuse/splice-read.ts';

/** Requests without a kernel: the bytes of one go in, the replies that were written come out. */
export function connection(fileSystem: Partial<FileSystem>) {
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
  const lockReply = new Reply(64);
  const session: Session = {
    fileSystem: fileSystem as FileSystem,
    requested: { kernelChecksAccess: true },
    notify: () => {},
    invalidate: () => {},
    dropPages: () => {},
    uses: undefined,
    spliceReader: new SpliceReader(-1),
    lockOwners: new LockOwners(),
    waitingLocks: new WaitingLocks((unique, error) => {
      const length = error ? lockReply.refuse(unique, error) : lockReply.finish(unique, 0);
      record(lockReply.bytes, length);
    }),
    connection: undefined,
    onReady: () => ready++,
    replayer: undefined,
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
export const throwing = (make: () => unknown): Partial<FileSystem> =>
  new Proxy({} as Partial<FileSystem>, {
    get: (_target, name) => {
      if (name === 'toErrno') return undefined;
      return () => {
        throw make();
      };
    },
  });
