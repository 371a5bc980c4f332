import { execFile } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OWN_XATTR_PREFIX } from '../store/index.ts';
import { LIVE_DIRECTORY } from './source.ts';

const PROGRAM = fileURLToPath(new URL(`./print-xattr${extname(import.meta.url)}`, import.meta.url));
const TIMEOUT_MS = 10_000;

/**
 * How the server of a mount says that it shows live files, and why: `attach: …` or `fuse: …`;
 * undefined where it does not say. Asked by a process of its own: whoever touches a mount that
 * hangs may never return.
 */
export function readLiveMode(mountpoint: string): Promise<string | undefined> {
  const cache = getCompileCacheDir();
  const env = cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) };
  const options = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', env } as const;
  const args = [PROGRAM, join(mountpoint, LIVE_DIRECTORY), `${OWN_XATTR_PREFIX}live`];
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout) => {
      resolve(error ? undefined : stdout);
    });
  });
}
