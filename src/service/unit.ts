import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
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

/** The command of this taskfs, for others who start it: that of the package, or of a checkout. */
function launcherPath(): string {
  const isCheckout = extname(import.meta.filename) === '.ts';
  const launcher = isCheckout ? '../../scripts/taskfs' : '../bin/taskfs';
  const path = join(import.meta.dirname, launcher);
  if (existsSync(path)) return path;
  throw new TaskfsError('failed', `the command of taskfs is not there: ${path}`);
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
