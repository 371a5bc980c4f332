import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LiveChoice } from '../attach/index.ts';
import { spawnInBackground } from '../background-process.ts';
import { errno, errnoOf } from '../errno.ts';
import { type ErrorKind, TaskfsError } from '../errors.ts';
import type { DriverName } from '../fs/index.ts';
import { prepareMountpoint } from '../mount/index.ts';
import type { Store } from '../store/index.ts';
import type { MountOptions } from './serve-mount.ts';

/** The first message to the new server. */
export interface ServerRequest {
  readonly store: Store;
  readonly mountpoint: string;
  readonly options: MountOptions;
}

/** What it answers, once. */
export type ServerAnswer =
  | {
      readonly ready: true;
      readonly driver: DriverName;
      readonly live: LiveChoice;
      readonly notes: readonly string[];
    }
  | {
      readonly ready: false;
      readonly kind: ErrorKind;
      readonly message: string;
      readonly hint?: string;
    };

/** A mount that is there, served by a process of its own. */
export interface BackgroundMount {
  readonly mountpoint: string;
  readonly driver: DriverName;
  readonly live: LiveChoice;
  /** Of the process that serves it. */
  readonly pid: number;
  readonly notes: readonly string[];
}

/** How long (milliseconds) a server may take until its mount answers. */
const START_TIMEOUT_MS = 30_000;
const SERVER = fileURLToPath(new URL(`./server${extname(import.meta.url)}`, import.meta.url));

/** The log of a store's servers: damaged files, above all. */
export const serverLog = (store: Store): string => join(store.path, 'mount.log');

/**
 * Mounts, served by a detached process. Resolves when the mount answers; throws the server's own
 * reason where there is none.
 */
export async function mountInBackground(
  store: Store,
  path: string,
  options: MountOptions = {},
): Promise<BackgroundMount> {
  const mountpoint = await prepareMountpoint(store, path);
  const log = openLog(store);
  const server = startServer(mountpoint, log);
  const answer = await answerOf(server, { store, mountpoint, options });
  if (!answer.ready) {
    const { kind, message, hint } = answer;
    throw new TaskfsError(kind, message, hint === undefined ? {} : { hint });
  }
  if (server.connected) server.disconnect();
  server.unref();
  const notes = log === undefined ? [...answer.notes, NO_LOG] : answer.notes;
  const { driver, live } = answer;
  return { mountpoint, driver, live, pid: server.pid ?? 0, notes };
}

const NO_LOG = "the store is on a read-only file system: the server's log is not kept";

/** Undefined where the store is read-only, which is enough for archives. */
function openLog(store: Store): number | undefined {
  try {
    return openSync(serverLog(store), 'a', 0o600);
  } catch (error) {
    if (errnoOf(error) === errno.EROFS) return undefined;
    throw error;
  }
}

function startServer(mountpoint: string, log: number | undefined): ChildProcess {
  const output = log ?? 'ignore';
  try {
    return spawnInBackground([SERVER, mountpoint], ['ignore', output, output, 'ipc']);
  } finally {
    if (log !== undefined) closeSync(log);
  }
}

function answerOf(server: ChildProcess, request: ServerRequest): Promise<ServerAnswer> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      server.kill('SIGKILL');
      reject(died(request, `was silent for ${START_TIMEOUT_MS / 1000} s`));
    }, START_TIMEOUT_MS);
    server.once('message', (answer) => {
      clearTimeout(late);
      resolve(answer as ServerAnswer);
    });
    server.once('error', reject);
    server.once('exit', (code, signal) => {
      clearTimeout(late);
      reject(died(request, `ended (${signal ?? `exit code ${code}`}) before the mount was there`));
    });
    server.send(request);
  });
}

const died = ({ store, mountpoint }: ServerRequest, what: string): TaskfsError =>
  new TaskfsError('failed', `cannot mount on ${mountpoint}: its server ${what}`, {
    hint: `${serverLog(store)} may say why.`,
  });
