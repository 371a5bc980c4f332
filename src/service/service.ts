import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { complaintOf, TaskfsError } from '../errors.ts';
import { makeDirectories } from '../files/index.ts';
import { absoluteTextPath, type Store } from '../store/index.ts';
import { installedMountpoint, UNIT, unitPath, unitText } from './unit.ts';

/** How the unit stands. */
export interface ServiceStatus {
  /** Its file; null: it is not installed. */
  readonly unit: string | null;
  readonly mountpoint: string | null;
  /** As systemctl says it: active, failed, inactive; `unknown` where there is no systemd. */
  readonly state: string | null;
}

/** Whether systemd hears of a change; otherwise only the unit's file is written, or removed. */
export interface ServiceOptions {
  readonly start: boolean;
}

/**
 * Writes the unit that mounts a store at log-in, and starts it. Throws `usage`; `failed`, where all
 * is as it was before.
 */
export async function installService(
  store: Store,
  directory: string,
  { start }: ServiceOptions,
): Promise<ServiceStatus> {
  const mountpoint = absoluteTextPath(directory, 'the directory');
  const path = unitPath();
  makeDirectories(dirname(path));
  const before = existsSync(path) ? readFileSync(path) : undefined;
  writeFileSync(path, unitText({ store: store.path, mountpoint }));
  if (start) await startUnit(path, before);
  return serviceStatus();
}

/** Where that fails, the unit of before is put back, or this one removed. */
async function startUnit(path: string, before: Buffer | undefined): Promise<void> {
  try {
    await tellSystemd(['enable', '--now', UNIT]);
  } catch (error) {
    if (before) writeFileSync(path, before);
    else {
      await systemctl('disable', '--now', UNIT).catch(() => {});
      rmSync(path);
    }
    await systemctl('daemon-reload').catch(() => {});
    throw error;
  }
}

/** Unmounts, and removes the unit. Throws `not-found` where there is none, `failed`. */
export async function removeService({ start }: ServiceOptions): Promise<void> {
  const path = unitPath();
  if (!existsSync(path)) {
    throw new TaskfsError('not-found', `there is no ${path}`, { hint: 'Nothing is installed.' });
  }
  if (start) await tellSystemd(['disable', '--now', UNIT]);
  rmSync(path);
  if (start) await systemctl('daemon-reload');
}

/** Whether the unit is installed, where it mounts, and whether it does. */
export async function serviceStatus(): Promise<ServiceStatus> {
  const path = unitPath();
  const isInstalled = existsSync(path);
  return {
    unit: isInstalled ? path : null,
    mountpoint: installedMountpoint() ?? null,
    state: isInstalled ? await stateOf() : null,
  };
}

async function stateOf(): Promise<string> {
  const answer = await systemctl('is-active', UNIT).catch((error: { stdout?: string }) => error);
  return answer.stdout?.trim() || 'unknown';
}

async function tellSystemd(args: readonly string[]): Promise<void> {
  try {
    await systemctl('daemon-reload');
    await systemctl(...args);
  } catch (cause) {
    throw new TaskfsError('failed', `'systemctl --user' failed: ${complaintOf(cause)}`, {
      hint: `'journalctl --user -u ${UNIT}' may say why; with --no-start it is not needed.`,
      cause,
    });
  }
}

const systemctl = (...args: readonly string[]) =>
  promisify(execFile)('systemctl', ['--user', ...args]);

/**
 * Tells the systemd that started this process, if one did, that it is ready (sd_notify(3)): by its
 * own program, for Node has no datagram sockets of Unix. Where that fails, systemd says so.
 */
export function notifyReady(): void {
  if (!process.env.NOTIFY_SOCKET) return;
  execFile('systemd-notify', ['--ready', `--pid=${process.pid}`], () => {});
}
