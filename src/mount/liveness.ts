import { execFile } from 'node:child_process';
import { errno } from '../errno.ts';

/** `dead`: its server is gone (ENOTCONN). `hung`: its server is there and does not answer. */
export type Liveness = 'alive' | 'dead' | 'hung';

/** For how long (milliseconds) a mount may be silent before it counts as hung. */
const PATIENCE_MS = 5000;

/** Any other refusal is an answer. */
const DEAD: readonly unknown[] = [errno.ENOTCONN, errno.ECONNABORTED];

/** Ends with the number of the error; in words it would say it beside a path that others chose. */
const QUESTION = `
try { require('node:fs').statfsSync(process.argv[1]) } catch (error) { process.exit(-error.errno) }`;

/**
 * Asks a mount whether it answers. The question is put by another process: whoever touches a hung
 * mount may never return, and must not be us. It is statfs, which the kernel passes on to the server
 * each time; attributes it may answer from its cache, long after the server has died.
 */
export function probeMount(mountpoint: string): Promise<Liveness> {
  return new Promise((resolve) => {
    const options = { timeout: PATIENCE_MS, killSignal: 'SIGKILL', env: {} } as const;
    execFile(process.execPath, ['--eval', QUESTION, '--', mountpoint], options, (error) => {
      if (error?.killed) resolve('hung');
      else resolve(DEAD.includes(error?.code) ? 'dead' : 'alive');
    });
  });
}
