import { execFile } from 'node:child_process';
import { errno } from '../errno.ts';

/** `dead`: its server is gone (ENOTCONN). `hung`: its server is there and does not answer. */
export type Liveness = 'alive' | 'dead' | 'hung';

/** After how long (milliseconds) without an answer a mount counts as hung. */
const TIMEOUT_MS = 5000;

/** Any other error is an answer. */
const DEAD: readonly unknown[] = [errno.ENOTCONN, errno.ECONNABORTED];

/** Its exit code is the errno: a message would hold the path, which others chose. */
const PROBE = `
try { require('node:fs').statfsSync(process.argv[1]) } catch (error) { process.exit(-error.errno) }`;

/**
 * Tries whether a mount answers, in a process of its own: whoever touches a hung mount may never
 * return. By statfs(2), which the kernel passes on to the server each time; attributes may come
 * from its cache, long after the server has died.
 */
export function probeMount(mountpoint: string): Promise<Liveness> {
  return new Promise((resolve) => {
    const options = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', env: {} } as const;
    execFile(process.execPath, ['--eval', PROBE, '--', mountpoint], options, (error) => {
      if (error?.killed) resolve('hung');
      else resolve(DEAD.includes(error?.code) ? 'dead' : 'alive');
    });
  });
}
