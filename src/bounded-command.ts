import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** A shell command of the user's that the program waits for. */
export interface BoundedCommand {
  readonly command: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** What it reads; nothing by default. */
  readonly input?: string;
  /**
   * A file that the command's own process removes before anything else: where it is not there any
   * more, another process has started the command, and this one does not.
   */
  readonly claim?: string;
  /** After so many milliseconds it is killed, with all that it started in its process group. */
  readonly patienceMs: number;
}

/** So many characters of its standard error are passed on. */
const MAX_STDERR = 300;

/**
 * Becomes the command once it has removed the claim, and then says so on descriptor 3, where nobody
 * may listen any more.
 */
const CLAIMING = `if rm -- "$1"; then
(echo >&3) 2>/dev/null
exec sh -c "$0" 3>&-
fi
[ ! -e "$1" ]`;

/**
 * Runs a command to its end; false where another process had claimed it. Rejects where it cannot be
 * started, ends with anything but 0, or takes too long: in words, with the beginning of its
 * standard error.
 */
export function runBounded({
  command,
  cwd,
  env,
  input = '',
  claim,
  patienceMs,
}: BoundedCommand): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const args = claim === undefined ? [command] : [CLAIMING, command, claim];
    const { spawn } = process.getBuiltinModule('node:child_process');
    const child = spawn('sh', ['-c', ...args], {
      cwd,
      env,
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe', claim === undefined ? 'ignore' : 'pipe'],
    }) as ChildProcessByStdio<Writable, null, Readable>;
    const isOurs = claim === undefined || saysAnything(child.stdio[3] as Readable);
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
      if (code === 0) return resolve(isOurs);
      const how = isLate
        ? `took longer than ${patienceMs / 1000} s`
        : `ended with ${signal ?? code}`;
      reject(new Error([`its command ${how}`, stderr.trim()].filter(Boolean).join(': ')));
    });
  });
}

async function saysAnything(stream: Readable): Promise<boolean> {
  for await (const _ of stream) return true;
  return false;
}
