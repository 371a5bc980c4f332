import { spawn } from 'node:child_process';

/**
 * Shows words on the person's desktop, where there is one with notifications (notify-send of
 * libnotify): a person at a window does not look at the terminal.
 */
export function notifyDesktop(words: string): void {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (!DISPLAY && !WAYLAND_DISPLAY) return;
  // The Desktop Notifications Specification takes the body as markup.
  const body = words.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const args = ['--app-name=taskfs', '--', 'taskfs', body];
  const child = spawn('notify-send', args, { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
