import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Errno } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { allMounts, unmountDirectory } from '../mount/index.ts';
import {
  MS_NODEV,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RDONLY,
  mountOn,
  receiveDescriptor,
  socketPair,
} from '../sys/index.ts';
import { openDevice } from './device.ts';
import type { KernelOptions } from './options.ts';

export type MountOptions = Pick<
  KernelOptions,
  'sourceName' | 'subtype' | 'allowOther' | 'readOnly' | 'nosymfollow'
>;

/** The program that mounts for plain users; it is set-user-id root. */
const FUSERMOUNT = 'fusermount3';

/**
 * Mounts on a directory, which nobody serves yet: by mount(2) as root, else by fusermount3.
 * Returns the connection's descriptor of /dev/fuse.
 */
export async function mountDirectory(directory: string, options: MountOptions): Promise<number> {
  const mount = process.geteuid?.() === 0 ? mountAsRoot : mountWithHelper;
  const device = await mount(directory, options);
  if (!options.nosymfollow || holds(directory, 'nosymfollow')) return device;
  closeSync(device);
  await unmountDirectory(directory);
  throw followed(directory, 'this kernel takes no notice of it');
}

const holds = (directory: string, option: string): boolean =>
  allMounts()
    .findLast(({ mountpoint }) => mountpoint === directory)
    ?.options.includes(option) ?? false;

const followed = (directory: string, reason: string): TaskfsError =>
  new TaskfsError('failed', `cannot mount on ${directory} with --nosymfollow: ${reason}`, {
    hint: 'Root needs Linux 5.10 for it; a plain user needs a fusermount3 that knows it as well.',
  });

async function mountAsRoot(directory: string, options: MountOptions): Promise<number> {
  const device = openDeviceFor(directory);
  const data = [
    `fd=${device}`,
    'rootmode=40000',
    `user_id=${process.getuid?.() ?? 0}`,
    `group_id=${process.getgid?.() ?? 0}`,
    ...entrance(options),
  ].join(',');
  const flags =
    MS_NOSUID |
    MS_NODEV |
    (options.readOnly ? MS_RDONLY : 0) |
    (options.nosymfollow ? MS_NOSYMFOLLOW : 0);
  try {
    mountOn(options.sourceName, directory, `fuse.${options.subtype}`, flags, data);
    return device;
  } catch (error) {
    closeSync(device);
    throw cannotMount(directory, error);
  }
}

/**
 * Who may enter. Where others may, the kernel checks permissions for all by the attributes. Where
 * only the owner may, the file system beneath checks them, as it would without us: the server is
 * that owner. That spares asking for a directory's attributes before each lookup in it.
 */
const entrance = ({ allowOther }: MountOptions): readonly string[] =>
  allowOther ? ['default_permissions', 'allow_other'] : [];

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

/** fusermount3 mounts, and sends the descriptor over the socket that _FUSE_COMMFD names. */
async function mountWithHelper(directory: string, options: MountOptions): Promise<number> {
  const list = [
    `fsname=${escapeCommas(options.sourceName)}`,
    `subtype=${options.subtype}`,
    options.readOnly ? 'ro' : 'rw',
    ...(options.nosymfollow ? ['nosymfollow'] : []),
    ...entrance(options),
  ].join(',');
  const [ours, theirs] = socketPair();
  const helper = spawn(FUSERMOUNT, ['-o', list, '--', directory], {
    stdio: ['ignore', 'ignore', 'pipe', theirs],
    env: { ...process.env, _FUSE_COMMFD: '3' },
  });
  closeSync(theirs);
  const ended = complaintOf(helper);
  const device = helper.pid === undefined ? undefined : receiveDescriptor(ours);
  closeSync(ours);
  const complaint = await ended;
  if (device !== undefined) return device;
  if (options.nosymfollow) throw followed(directory, reasonOf(complaint));
  throw refused(directory, complaint);
}

/** What the helper wrote to stderr, once it has ended; rejected when there is no helper. */
async function complaintOf(helper: ChildProcess): Promise<string> {
  let complaint = '';
  helper.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  await new Promise<void>((resolve, reject) => {
    helper.once('error', (cause) => reject(helperMissing(cause)));
    helper.once('close', () => resolve());
  });
  return complaint;
}

const helperMissing = (cause: unknown): TaskfsError =>
  new TaskfsError('failed', `cannot mount: ${FUSERMOUNT} is not installed`, {
    hint: "Install the package 'fuse3': a user who is not root needs it to mount.",
    cause,
  });

/** fusermount3 splits its options at commas. */
const escapeCommas = (name: string): string => name.replace(/[\\,]/g, (special) => `\\${special}`);

const reasonOf = (complaint: string): string =>
  complaint.trim().replace(/^fusermount3?: */, '') || 'no reason was given';

function refused(directory: string, complaint: string): TaskfsError {
  const hint = /allow_other/.test(complaint)
    ? "Only root may use --allow-other, unless /etc/fuse.conf has 'user_allow_other'."
    : "'taskfs doctor' checks /dev/fuse, fusermount3 and the directory.";
  return new TaskfsError('failed', `cannot mount on ${directory}: ${reasonOf(complaint)}`, {
    hint,
  });
}
