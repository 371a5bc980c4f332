import { getCompileCacheDir } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errno } from '../errno.ts';
import { OWN_XATTR_PREFIX } from '../store/index.ts';
import { LIVE_DIRECTORY } from './mountinfo.ts';

/** `dead`: its server is gone (ENOTCONN). `hung`: its server is there and does not answer. */
export type Liveness = 'alive' | 'dead' | 'hung';

/** After how long (milliseconds) without an answer a mount counts as hung. */
const HUNG_AFTER_MS = 5000;

/** Any other error is an answer. */
const DEAD: readonly unknown[] = [errno.ENOTCONN, errno.ECONNABORTED];

/** Its exit code is the errno: a message would hold the path, which others chose. */
const PROBE = `
try {
  require('node:fs').statfsSync(process.argv[1])
} catch (error) {
  process.exit(-error.errno)
}`;

/**
 * Tries whether a mount answers, in a process of its own: whoever touches a hung mount may never
 * return. By statfs(2), which the kernel passes on to the server each time; attributes may come
 * from its cache, long after the server has died.
 */
export function probeMount(mountpoint: string): Promise<Liveness> {
  return new Promise((resolve) => {
    const options = { timeout: HUNG_AFTER_MS, killSignal: 'SIGKILL', env: {} } as const;
    const { execFile } = process.getBuiltinModule('node:child_process');
    execFile(process.execPath, ['--eval', PROBE, '--', mountpoint], options, (error) => {
      if (error?.killed) resolve('hung');
      else resolve(DEAD.includes(error?.code) ? 'dead' : 'alive');
    });
  });
}

const PROGRAM = fileURLToPath(new URL(`./print-xattr${extname(import.meta.url)}`, import.meta.url));
/** How long (milliseconds) that may take, the start of the program included. */
const XATTR_TIMEOUT_MS = 10_000;

/**
 * How the server of a mount says that it shows live files, and why: `attach: …` or `fuse: …`;
 * undefined where it does not say. Asked by a process of its own: whoever touches a mount that
 * hangs may never return.
 */
export function readLiveMode(mountpoint: string): Promise<string | undefined> {
  const cache = getCompileCacheDir();
  const env = cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) };
  const options = { timeout: XATTR_TIMEOUT_MS, killSignal: 'SIGKILL', env } as const;
  const args = [PROGRAM, join(mountpoint, LIVE_DIRECTORY), `${OWN_XATTR_PREFIX}live`];
  return new Promise((resolve) => {
    const { execFile } = process.getBuiltinModule('node:child_process');
    execFile(process.execPath, args, options, (error, stdout) => {
      resolve(error ? undefined : stdout);
    });
  });
}
