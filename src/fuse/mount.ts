import { closeSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { Errno } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { escapeCommas, fusermount, mountAt, unmountDirectory } from '../mount/index.ts';
import { MS_NODEV, MS_NOSUID, MS_NOSYMFOLLOW, MS_RDONLY, mountOn } from '../sys/index.ts';
import { openDevice } from './device.ts';
import type { FuseOptions } from './options.ts';

export type MountOptions = Pick<
  FuseOptions,
  'sourceName' | 'subtype' | 'allowOther' | 'readOnly' | 'nosymfollow'
>;

/**
 * Mounts on a directory, which nobody serves yet: by mount(2) as root, else by fusermount3.
 * Returns the connection's descriptor of /dev/fuse.
 */
export async function mountDirectory(directory: string, options: MountOptions): Promise<number> {
  const mount = process.geteuid?.() === 0 ? mountAsRoot : mountAsUser;
  const device = await mount(directory, options);
  if (!options.nosymfollow || holds(directory, 'nosymfollow')) return device;
  closeSync(device);
  await unmountDirectory(directory);
  throw withoutNosymfollow(directory, 'this kernel ignores it');
}

const holds = (directory: string, option: string): boolean =>
  mountAt(directory)?.options.includes(option) ?? false;

const withoutNosymfollow = (directory: string, reason: string): TaskfsError =>
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
    ...accessOptions(options),
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
const accessOptions = ({ allowOther }: MountOptions): readonly string[] =>
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
    hint: "Is /dev/fuse there and the directory yours? 'taskfs doctor' checks.",
    cause,
  });
}

async function mountAsUser(directory: string, options: MountOptions): Promise<number> {
  const mounting = await fusermount(directory, [
    `fsname=${escapeCommas(options.sourceName)}`,
    `subtype=${options.subtype}`,
    options.readOnly ? 'ro' : 'rw',
    ...(options.nosymfollow ? ['nosymfollow'] : []),
    ...accessOptions(options),
  ]);
  if ('device' in mounting) return mounting.device;
  if (options.nosymfollow) throw withoutNosymfollow(directory, mounting.refusal);
  throw refused(directory, mounting.refusal);
}

function refused(directory: string, reason: string): TaskfsError {
  const hint = /allow_other/.test(reason)
    ? "Only root may use --allow-other, unless /etc/fuse.conf has 'user_allow_other'."
    : "'taskfs doctor' checks /dev/fuse, fusermount3 and the directory.";
  return new TaskfsError('failed', `cannot mount on ${directory}: ${reason}`, { hint });
}

/**
 * Bytes that the kernel asks for ahead of a reader, instead of the 128 KiB that it allows a FUSE
 * mount: fewer requests, and each is worth waking up for. A page fault in a mapping brings in so
 * much too, so it is not as large as a request could be.
 */
const KIB = 512;

/** Has the kernel read a mount's files further ahead, given root and a writable /sys. */
export async function widenReadAhead(mountpoint: string): Promise<void> {
  try {
    const { dev } = await stat(mountpoint);
    // The device of a mount without a disk: major number 0, the low byte of the minor one first.
    const minor = (dev & 0xff) | ((dev >>> 12) & ~0xff);
    await writeFile(`/sys/class/bdi/0:${minor}/read_ahead_kb`, String(KIB), { flag: 'r+' });
  } catch {
    // Reading is slower, and correct.
  }
}
