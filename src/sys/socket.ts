import { addressOf, bindLazily, check } from './libc.ts';

/** Unix sockets as a way to receive descriptors (unix(7), SCM_RIGHTS). */

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSGHDR_SIZE = 56;
const CMSG_HEADER_SIZE = 16;

const c = {
  recvmsg: bindLazily('int64_t recvmsg(int, void *, int)'),
  socketpair: bindLazily('int socketpair(int, int, int, void *)'),
};

/** Two connected sockets, close-on-exec. */
export function socketPair(): [number, number] {
  const pair = Buffer.alloc(8);
  check(c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}

/**
 * Waits for one message with a descriptor and returns that (close-on-exec), or undefined when the
 * other end closed without sending one. Blocks.
 */
export function receiveDescriptor(socket: number): number | undefined {
  const data = Buffer.alloc(64);
  const control = Buffer.alloc(64);
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(addressOf(data), 0);
  vector.writeBigUInt64LE(BigInt(data.length), 8);
  const header = Buffer.alloc(MSGHDR_SIZE);
  header.writeBigUInt64LE(addressOf(vector), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(addressOf(control), 32);
  header.writeBigUInt64LE(BigInt(control.length), 40);
  const received = check(c.recvmsg(socket, header, MSG_CMSG_CLOEXEC));
  const controlLength = Number(header.readBigUInt64LE(40));
  if (received === 0 || controlLength < CMSG_HEADER_SIZE + 4) return undefined;
  return control.readInt32LE(CMSG_HEADER_SIZE);
}
