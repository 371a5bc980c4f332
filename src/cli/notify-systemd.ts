import { execFile } from 'node:child_process';

/**
 * Tells the systemd that started this process, if one did, that it is ready (sd_notify(3)): by its
 * own program, for Node has no datagram sockets of Unix. Where that fails, systemd says so.
 */
export function notifyReady(): void {
  if (!process.env.NOTIFY_SOCKET) return;
  execFile('systemd-notify', ['--ready', `--pid=${process.pid}`], () => {});
}
