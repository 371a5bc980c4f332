/**
 * Counts the file-system calls of a process, in all of its threads, and fails one of them: loaded
 * before the program (`node --import`), which Node does again in each thread that the process
 * starts. The calls are the synchronous functions of node:fs, fsync, and the functions of libc that
 * koffi binds. Environment: FAULT_MODE `kill` (SIGKILL) or `error` (EIO), FAULT_AT the number of
 * the call; 0: none. Or FAULT_MODE `copy`: before each call FAULT_STORE is copied into
 * FAULT_COPIES, as SIGKILL would leave it there.
 */
import fs, { cpSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';

const EIO = 5;

/** What all threads share, in one array. */
const AT = { armed: 0, calls: 1, native: 2, inWorkers: 3, injected: 4 } as const;

const key = 'taskfs fault injection';
if (isMainThread) setEnvironmentData(key, new Int32Array(new SharedArrayBuffer(20)));
const shared = getEnvironmentData(key) as unknown as Int32Array;

/** From now on calls count. */
export const arm = (): void => void Atomics.store(shared, AT.armed, 1);

export interface Counts {
  readonly calls: number;
  /** Of those, calls of libc by koffi. */
  readonly native: number;
  readonly inWorkers: number;
  /** Whether the call that was asked for came. */
  readonly injected: boolean;
}

export function counts(): Counts {
  const [, calls = 0, native = 0, inWorkers = 0, injected = 0] = shared;
  return { calls, native, inWorkers, injected: injected === 1 };
}

const { FAULT_MODE: mode = 'error', FAULT_AT: at = '0' } = process.env;
const { FAULT_STORE: copied = '', FAULT_COPIES: copies = '' } = process.env;
let isCopying = false;

function copyStore(number: number): void {
  isCopying = true;
  cpSync(copied, `${copies}/${number}`, { recursive: true });
  isCopying = false;
}

const sources = new URL('../..', import.meta.url).pathname;

const moduleFds = new Set<unknown>();

/** Modules are read by the same functions; their files are none of the store's. */
const isOfModule = ([file]: readonly unknown[]): boolean =>
  moduleFds.has(file) || String(file).replace('file://', '').startsWith(sources);

/** Whether this call is the one to fail. */
function isDue(args: readonly unknown[], isNative: boolean): boolean {
  if (isCopying || Atomics.load(shared, AT.armed) === 0 || isOfModule(args)) return false;
  if (isNative) Atomics.add(shared, AT.native, 1);
  if (!isMainThread) Atomics.add(shared, AT.inWorkers, 1);
  const number = Atomics.add(shared, AT.calls, 1) + 1;
  if (mode === 'copy') copyStore(number);
  if (number !== Number(at)) return false;
  Atomics.store(shared, AT.injected, 1);
  if (mode === 'kill') process.kill(process.pid, 'SIGKILL');
  return true;
}

function noteModules(name: string, args: readonly unknown[], result: unknown): unknown {
  if (name === 'openSync' && isOfModule(args)) moduleFds.add(result);
  if (name === 'closeSync') moduleFds.delete(args[0]);
  return result;
}

type Call = (...args: unknown[]) => unknown;
const functions = fs as unknown as Record<string, Call>;
for (const [name, call] of Object.entries(functions)) {
  if (!name.endsWith('Sync')) continue;
  functions[name] = (...args) => {
    if (!isDue(args, false)) return noteModules(name, args, call(...args));
    throw Object.assign(new Error('EIO: injected'), { code: 'EIO', errno: -EIO });
  };
}
const { fsync } = fs;
const failingFsync = (fd: number, callback: (error: Error | null) => void): void => {
  if (!isDue([fd], false)) fsync(fd, callback);
  else callback(Object.assign(new Error('EIO: injected'), { code: 'EIO', errno: -EIO }));
};
Object.assign(fs, { fsync: failingFsync });
syncBuiltinESMExports();

// After node:fs was changed, and as src/sys imports it.
// biome-ignore lint/suspicious/noExplicitAny: koffi's functions are as varied as C's.
const koffi = (await import('koffi')).default as any;
const { load } = koffi;
koffi.load = (...libraryArgs: unknown[]) => {
  const library = load(...libraryArgs);
  // Node's own program: ciphers, no file system.
  if (libraryArgs[0] === null) return library;
  const func = (...prototype: unknown[]) => {
    const call = library.func(...prototype) as Call;
    const failing: Call = (...args) => {
      if (!isDue(args, true)) return call(...args);
      koffi.errno(EIO);
      return -1;
    };
    return failing;
  };
  return { func };
};
