import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TaskfsError } from '../errors.ts';
import { homeDirectory } from '../store/index.ts';

/** The name of the unit of systemd (systemd.unit(5)) that mounts at log-in. */
export const UNIT = 'taskfs.service';

/** Where the user's own units lie, as systemd looks for them. */
export function unitPath(): string {
  const config = process.env.XDG_CONFIG_HOME || join(homeDirectory(), '.config');
  return join(config, 'systemd/user', UNIT);
}

/** Where the installed unit mounts; undefined where none is. */
export function installedMountpoint(): string | undefined {
  const path = unitPath();
  if (!existsSync(path)) return undefined;
  return /^Description=.* in (.*)$/m.exec(readFileSync(path, 'utf8'))?.[1];
}

/** The command by which this taskfs is called, for others who start it. */
export function launcherPath(): string {
  const main = process.argv[1] ?? '';
  const candidates = [join(main, '../../bin/taskfs'), join(main, '../../../scripts/taskfs')];
  // A checkout has bin/ too, for the package that is not built there.
  const found = (main.endsWith('.ts') ? candidates.slice(1) : candidates).find(existsSync);
  if (found !== undefined) return found;
  throw new TaskfsError('failed', `the command of taskfs is not beside ${main}`);
}

/** What is mounted, and where. */
export interface MountUnit {
  readonly store: string;
  readonly mountpoint: string;
}

/** A unit that mounts when its user logs in, and again where its server died. */
export function unitText({ store, mountpoint }: MountUnit): string {
  const launcher = word(launcherPath());
  return `# Made by 'taskfs service install'; 'taskfs service remove' removes it.
[Unit]
Description=The files of tasks in ${mountpoint}
Documentation=man:taskfs-mount(1)

[Service]
Type=notify
NotifyAccess=all
Environment=${quote(`PATH=${pathWithNode()}`)}
ExecStart=${launcher} mount --foreground --store ${word(store)} ${word(mountpoint)}
ExecStopPost=-${launcher} unmount ${word(mountpoint)}
Restart=on-failure
RestartSec=2

[Install]
WantedBy=default.target
`;
}

/** systemd's own PATH lacks a Node that a user installed, or has an older one. */
const pathWithNode = (): string =>
  [dirname(process.execPath), process.env.PATH || '/usr/local/bin:/usr/bin:/bin'].join(':');

/** A quoted setting in a unit (systemd.syntax(7)). */
const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`;

/** A word of a command line in a unit (systemd.service(5), "Command lines"). */
const word = (text: string): string => quote(text).replaceAll('$', '$$$$');

/**
 * Tells the systemd that started this process, if one did, that it is ready (sd_notify(3)): by its
 * own program, for Node has no datagram sockets of Unix. Where that fails, systemd says so.
 */
export function notifyReady(): void {
  if (!process.env.NOTIFY_SOCKET) return;
  execFile('systemd-notify', ['--ready', `--pid=${process.pid}`], () => {});
}
