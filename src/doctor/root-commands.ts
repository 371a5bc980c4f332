import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';

/** Commands for what this machine lacks and only root can give it. */

/** How the usual distributions install a package, by the program that does. */
const INSTALLERS = [
  ['/usr/bin/apt-get', 'sudo apt-get install'],
  ['/usr/bin/dnf', 'sudo dnf install'],
  ['/usr/bin/pacman', 'sudo pacman -S'],
  ['/usr/bin/zypper', 'sudo zypper install'],
  ['/sbin/apk', 'sudo apk add'],
] as const;

const DEVICE = '/dev/fuse';
const FUSE_CONF = '/etc/fuse.conf';
const GROUP_MAY_WRITE = 0o020;

/** What makes mounting possible, where `missing` says what was not found. */
export function commandsForMounting(missing: string): string[] {
  if (!existsSync(DEVICE)) return ['sudo modprobe fuse'];
  if (!mayUse(DEVICE)) return [`sudo chmod 666 ${DEVICE}`];
  if (!missing.includes('fusermount')) return [];
  const installer = INSTALLERS.find(([program]) => existsSync(program));
  return installer ? [`${installer[1]} fuse3`] : [];
}

/** What lets a plain user mount with --allow-other; undefined where that is allowed. */
export function commandsForOthers(): string[] | undefined {
  if (process.geteuid?.() === 0) return undefined;
  const text = textOf(FUSE_CONF);
  if (text === undefined || /^\s*user_allow_other\s*$/m.test(text)) return undefined;
  return [`echo user_allow_other | sudo tee -a ${FUSE_CONF}`];
}

/** What lets this user use the container engine behind a socket that refuses them. */
export function commandsForEngine(socket: string): string[] {
  const stat = statSync(socket, { throwIfNoEntry: false });
  if (!stat || mayUse(socket) || (stat.mode & GROUP_MAY_WRITE) === 0) return [];
  const group = groupName(stat.gid);
  // Whoever is in the group of root is as good as root anywhere.
  if (group === undefined || stat.gid === 0) return [];
  return [`sudo usermod -aG ${group} ${userInfo().username}`, `newgrp ${group}`];
}

function mayUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function groupName(gid: number): string | undefined {
  return new RegExp(`^([^:]+):[^:]*:${gid}:`, 'm').exec(textOf('/etc/group') ?? '')?.[1];
}

/** Undefined where it cannot be read. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
