import { promisify } from 'node:util';
import koffi from 'koffi';
import { Errno, errno } from '../errno.ts';
import { exitBy } from '../process/index.ts';

const library = koffi.load('libc.so.6');

export type Native = (...args: unknown[]) => number;

/** Binds one libc function from its C prototype. Pointers are `void *`: pass a Buffer or null. */
export function bind(prototype: string): Native {
  return library.func(prototype) as Native;
}

/** The same, bound at the first call: for what few processes need. */
export function bindLazily(prototype: string): Native {
  let bound: Native | undefined;
  return (...args) => {
    bound ??= bind(prototype);
    return bound(...args);
  };
}

type NativeOnThread = (...args: unknown[]) => Promise<number>;

/** The same for one that blocks, which is called on another thread. Keep the buffers alive. */
export function bindBlocking(prototype: string): NativeOnThread {
  let bound: NativeOnThread | undefined;
  return (...args) => {
    bound ??= promisify(library.func(prototype).async) as NativeOnThread;
    return bound(...args);
  };
}

/** Binds functions that Node's own program exports; undefined where it lacks one of them. */
export function bindOwn<T extends Record<string, string>>(
  prototypes: T,
): Record<keyof T, (...args: unknown[]) => unknown> | undefined {
  try {
    const own = koffi.load(null);
    const bound = Object.entries(prototypes).map(([name, text]) => [name, own.func(text)]);
    return Object.fromEntries(bound);
  } catch {
    return undefined;
  }
}

/** errno(3) of the calling thread, to be read right after a failed call. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Passes a result on, or throws the Errno where libc answered -1. */
export function check(result: number): number {
  if (result === -1) throw Errno.of(koffi.errno());
  return result;
}

const names = new Map<string, Buffer>();

/** A path or name as C wants it: raw bytes and a NUL. Throws EINVAL for an inner NUL. */
export function cstring(name: Uint8Array | string): Buffer {
  if (typeof name === 'string') {
    const known = names.get(name);
    if (known) return known;
    const made = terminate(Buffer.from(name));
    if (names.size < 256) names.set(name, made);
    return made;
  }
  return terminate(name);
}

function terminate(bytes: Uint8Array): Buffer {
  if (bytes.includes(0)) throw Errno.of(errno.EINVAL);
  const out = Buffer.allocUnsafe(bytes.length + 1);
  out.set(bytes);
  out[bytes.length] = 0;
  return out;
}

/** The address of a buffer, for structs that hold pointers. Keep the buffer alive meanwhile. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

exitBy(bind('void _exit(int)'));

const readNow = bindLazily('int64_t read(int, void *, size_t)');

/** Reads what waits in a descriptor that does not block; 0: nothing. Throws Errno. */
export function readWaiting(fd: number, buffer: Buffer): number {
  const length = readNow(fd, buffer, buffer.length);
  if (length >= 0) return length;
  if (lastErrno() === errno.EAGAIN || lastErrno() === errno.EINTR) return 0;
  throw Errno.of(lastErrno());
}
