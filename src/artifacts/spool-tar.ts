import { closeSync, constants } from 'node:fs';
import { unlessRefused } from '../errno.ts';
import { readFully, writeFully } from '../files/index.ts';
import type { Store } from '../store/index.ts';
import { AT, makeMemoryFile, O_TMPFILE, openAt } from '../sys/index.ts';
import type { TarSource } from '../tar/index.ts';

/**
 * A tar that comes as a stream, to be read at any place: kept in a file without a name beside the
 * files of tasks, or in memory where that file system has no such files.
 */
export async function spoolTar(
  stream: AsyncIterable<Buffer>,
  store: Store,
): Promise<TarSource & Disposable> {
  const flags = O_TMPFILE | constants.O_RDWR;
  const fd =
    unlessRefused(() => openAt(AT.FDCWD, store.staging, flags, 0o600)) ?? makeMemoryFile('tar');
  using opened = new DisposableStack();
  opened.defer(() => closeSync(fd));
  let size = 0;
  for await (const piece of stream) {
    writeFully(fd, piece, size);
    size += piece.length;
  }
  const kept = opened.move();
  return {
    size,
    read: (into, offset) => readFully(fd, into, offset),
    [Symbol.dispose]: () => kept.dispose(),
  };
}
