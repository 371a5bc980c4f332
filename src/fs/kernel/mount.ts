import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { TaskfsError } from '../../store/errors.ts';
import { Errno } from '../../sys/errno.ts';
import { MS_NODEV, MS_NOSUID, MS_RDONLY, mountOn } from '../../sys/mount.ts';
import { receiveDescriptor, socketPair } from '../../sys/socket.ts';
import { SUBTYPE } from '../driver.ts';
import { openDevice } from './device.ts';
import type { KernelOptions } from './options.ts';

/** A mount that nobody serves yet. */
export interface Mounted {
  /** The connection's descriptor of /dev/fuse. */
  readonly device: number;
  /**
   * Ends the watch of fusermount3, which unmounts as soon as this process is gone, however it
   * goes; undefined where the mount was made without it.
   */
  readonly guard: number | undefined;
}

export type MountOptions = Pick<KernelOptions, 'sourceName' | 'allowOther' | 'readOnly'>;

/** The program that mounts for plain users; it is set-user-id root. */
const FUSERMOUNT = 'fusermount3';

/**
 * Mounts on a directory. With fusermount3 in both cases if it is there, since it also cleans up
 * after a killed server; root can do without.
 */
export async function mountDirectory(directory: string, options: MountOptions): Promise<Mounted> {
  const isRoot = process.geteuid?.() === 0;
  try {
    return await mountWithHelper(directory, options);
  } catch (error) {
    if (!isRoot || !(error instanceof HelperMissing)) throw error;
    return mountAsRoot(directory, options);
  }
}

/** fusermount3 is not installed. */
class HelperMissing extends TaskfsError {
  constructor(cause: unknown) {
    super('failed', `cannot mount: ${FUSERMOUNT} is not installed`, {
      hint: "Install the package 'fuse3'; a user who is not root needs it to mount.",
      cause,
    });
  }
}

function mountAsRoot(directory: string, options: MountOptions): Mounted {
  const device = openDeviceFor(directory);
  const data = [
    `fd=${device}`,
    'rootmode=40000',
    `user_id=${process.getuid?.() ?? 0}`,
    `group_id=${process.getgid?.() ?? 0}`,
    'default_permissions',
    ...(options.allowOther ? ['allow_other'] : []),
  ].join(',');
  const flags = MS_NOSUID | MS_NODEV | (options.readOnly ? MS_RDONLY : 0);
  try {
    mountOn(options.sourceName, directory, `fuse.${SUBTYPE}`, flags, data);
    return { device, guard: undefined };
  } catch (error) {
    closeSync(device);
    throw cannotMount(directory, error);
  }
}

function openDeviceFor(directory: string): number {
  try {
    return openDevice();
  } catch (error) {
    throw cannotMount(directory, error);
  }
}

function cannotMount(directory: string, cause: unknown): TaskfsError {
  const code = cause instanceof Errno ? cause.code : String(cause);
  return new TaskfsError('failed', `cannot mount on ${directory}: ${code}`, {
    hint: "Is /dev/fuse there and the directory yours? 'taskfs doctor' looks.",
    cause,
  });
}

/**
 * fusermount3 mounts, sends the descriptor over the socket that _FUSE_COMMFD names, and with
 * auto_unmount stays until the other end of that socket closes.
 */
async function mountWithHelper(directory: string, options: MountOptions): Promise<Mounted> {
  const list = [
    `fsname=${escapeCommas(options.sourceName)}`,
    `subtype=${SUBTYPE}`,
    'default_permissions',
    'auto_unmount',
    options.readOnly ? 'ro' : 'rw',
    ...(options.allowOther ? ['allow_other'] : []),
  ].join(',');
  const [ours, theirs] = socketPair();
  const helper = spawn(FUSERMOUNT, ['-o', list, '--', directory], {
    stdio: ['ignore', 'ignore', 'pipe', theirs],
    env: { ...process.env, _FUSE_COMMFD: '3' },
  });
  closeSync(theirs);
  let complaint = '';
  helper.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const ended = new Promise<Error | undefined>((resolve) => {
    helper.once('error', resolve);
    helper.once('close', () => resolve(undefined));
  });
  const device = helper.pid === undefined ? undefined : receiveDescriptor(ours);
  if (device === undefined) {
    closeSync(ours);
    const failure = await ended;
    throw failure ? new HelperMissing(failure) : refused(directory, complaint);
  }
  helper.stderr?.destroy();
  helper.unref();
  return { device, guard: ours };
}

/** fusermount3 splits its options at commas. */
const escapeCommas = (name: string): string => name.replace(/[\\,]/g, (special) => `\\${special}`);

function refused(directory: string, complaint: string): TaskfsError {
  const reason = complaint.trim().replace(/^fusermount3?: */, '') || 'no reason was given';
  const hint = /allow_other/.test(complaint)
    ? "Only root may use --allow-other, unless /etc/fuse.conf has 'user_allow_other'."
    : "'taskfs doctor' checks /dev/fuse, fusermount3 and the directory.";
  return new TaskfsError('failed', `cannot mount on ${directory}: ${reason}`, { hint });
}
