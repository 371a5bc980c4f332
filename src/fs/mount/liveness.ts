import { execFile } from 'node:child_process';

/** `dead`: its server is gone (ENOTCONN). `hung`: its server is there and does not answer. */
export type Liveness = 'alive' | 'dead' | 'hung';

/** For how long (milliseconds) a mount may be silent before it counts as hung. */
const PATIENCE_MS = 5000;

/** ENOTCONN and ECONNABORTED. Any other refusal is an answer: a mount of another user's says EACCES. */
const DEAD = /not connected|connection abort/;

/**
 * Asks a mount whether it answers. The question is put by another process: whoever touches a hung
 * mount may never return, and must not be us. It is statfs, which the kernel passes on to the server
 * each time; attributes it may answer from its cache, long after the server has died.
 */
export function probeMount(mountpoint: string): Promise<Liveness> {
  return new Promise((resolve) => {
    const options = {
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
      env: { ...process.env, LC_ALL: 'C' },
    } as const;
    execFile(
      'stat',
      ['--file-system', '--format=%i', '--', mountpoint],
      options,
      (error, _stdout, stderr) => {
        if (error?.killed) resolve('hung');
        else resolve(DEAD.test(stderr) ? 'dead' : 'alive');
      },
    );
  });
}
