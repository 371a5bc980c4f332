import { closeSync } from 'node:fs';
import { TaskfsError } from '../errors.ts';
import { receiveDescriptor, socketPair } from '../sys/index.ts';

/** The set-user-id programs of FUSE that mount and unmount for plain users. */
export const FUSERMOUNT = 'fusermount3';
/** The one that libfuse 2 runs. */
export const FUSERMOUNT_2 = 'fusermount';

export const fusermountMissing = (program: string, cause?: unknown): TaskfsError =>
  new TaskfsError('failed', `cannot mount: ${program} is not installed`, {
    hint: "Install the package 'fuse3': a user who is not root needs it to mount.",
    cause,
  });

/** What came of mounting: the connection's descriptor of /dev/fuse, or why there is none. */
export type Mounting = { readonly device: number } | { readonly refusal: string };

/** Mounts by fusermount3, which sends the descriptor over the socket that _FUSE_COMMFD names. */
export async function fusermount(directory: string, options: readonly string[]): Promise<Mounting> {
  const [ours, theirs] = socketPair();
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child = spawn(FUSERMOUNT, ['-o', options.join(','), '--', directory], {
    stdio: ['ignore', 'ignore', 'pipe', theirs],
    env: { ...process.env, _FUSE_COMMFD: '3' },
  });
  closeSync(theirs);
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (cause) => reject(fusermountMissing(FUSERMOUNT, cause)));
    child.once('close', () => resolve());
  });
  const device = child.pid === undefined ? undefined : receiveDescriptor(ours);
  closeSync(ours);
  await ended;
  return device === undefined ? { refusal: reasonIn(complaint) } : { device };
}

/** An option's value: fusermount3 splits its options at commas. */
export const escapeCommas = (value: string): string =>
  value.replace(/[\\,]/g, (special) => `\\${special}`);

const reasonIn = (complaint: string): string =>
  complaint.trim().replace(/^fusermount3?: */, '') || 'no reason was given';

/** Runs a program that unmounts; an Error has what it said. */
export function runUnmounting(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const { execFile } = process.getBuiltinModule('node:child_process');
    execFile(program, args, (error, _stdout, stderr) => {
      if (error) reject(new Error(stderr.trim() || error.message));
      else resolve();
    });
  });
}
