import { spawn } from 'node:child_process';

/** A shell command of the user's that the program waits for. */
export interface BoundedCommand {
  readonly command: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** What it reads; nothing by default. */
  readonly input?: string;
  /** After so many milliseconds it is killed, with all that it started in its process group. */
  readonly patienceMs: number;
}

/** So many characters of its standard error are passed on. */
const MAX_STDERR = 300;

/**
 * Runs a command to its end. Rejects where it cannot be started, ends with anything but 0, or takes
 * too long: in words, with the beginning of its standard error.
 */
export function runBounded({
  command,
  cwd,
  env,
  input = '',
  patienceMs,
}: BoundedCommand): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], {
      cwd,
      env,
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let stderr = '';
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
      // The group: with all that it started.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, patienceMs);
    child.stderr.on('data', (data) => {
      stderr = (stderr + data).slice(0, MAX_STDERR);
    });
    child.stdin.on('error', () => {}).end(input);
    child.once('error', (error) => {
      clearTimeout(late);
      reject(error);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      child.stderr.destroy();
      if (code === 0) return resolve();
      const how = isLate
        ? `took longer than ${patienceMs / 1000} s`
        : `ended with ${signal ?? code}`;
      reject(new Error([`its command ${how}`, stderr.trim()].filter(Boolean).join(': ')));
    });
  });
}
