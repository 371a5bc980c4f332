import { bind } from './libc.ts';

const POLLIN = 1;
const POLLFD_SIZE = 8;

const poll = bind('int poll(void *, unsigned long, int)');

/**
 * Sleeps until one of these descriptors can be read, or is at its end; returns which ones. None is
 * fine: a signal came. To be made once for descriptors that stay open.
 */
export function readableOf(fds: readonly number[]): () => number[] {
  const pollfds = Buffer.alloc(fds.length * POLLFD_SIZE);
  fds.forEach((fd, index) => {
    pollfds.writeInt32LE(fd, index * POLLFD_SIZE);
    pollfds.writeInt16LE(POLLIN, index * POLLFD_SIZE + 4);
  });
  const isReadable = (_fd: number, index: number): boolean =>
    pollfds.readInt16LE(index * POLLFD_SIZE + 6) !== 0;
  return () => (poll(pollfds, fds.length, -1) > 0 ? fds.filter(isReadable) : []);
}
