import { flushCompileCache } from 'node:module';

let exit: (code: number) => void = (code) => process.exit(code);

/** From here on, processes end by this _exit(2), which libc.ts binds once it is loaded. */
export function exitBy(native: (code: number) => void): void {
  exit = (code) => {
    flushCompileCache();
    native(code);
  };
}

/**
 * Ends this process at once; everything that was to be written must have been. By _exit(2) where
 * system calls are bound: Node's own exit joins its threads, and never returns while one of them
 * blocks in read(2) or waits for a collection of garbage (nodejs/node#54918).
 */
export function exitProcess(code: number): void {
  exit(code);
}
