import { closeSync } from 'node:fs';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { messageOf, TaskfsError } from '../errors.ts';
import type { Served } from '../fs/index.ts';
import {
  abortConnection,
  mountAt,
  startUnmountWatchdog,
  type UnmountWatchdog,
  unmountDirectory,
} from '../mount/index.ts';
import { ChangingPages } from './changing-pages.ts';
import { isConnected } from './device.ts';
import { Notifier } from './inotify/notifier-process.ts';
import { WatcherRegistry } from './inotify/watcher-registry.ts';
import { mountDirectory } from './mount.ts';
import { sendChange, sendForget, sendOldPages } from './notify.ts';
import type { FuseOptions } from './options.ts';
import { EXIT_ABORTED, type Message, type WorkerInput } from './worker-messages.ts';

// The thread runs from a file of its own: TypeScript in a checkout, JavaScript in a package.
const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/** One mount; what is to be said of it, its caller knows. */
export type ServedConnection = Omit<Served, 'notes'>;

/** What connections may have in common. */
interface Beside {
  /** Unmounts it when nobody serves it any more; left out, a process beside this one does. */
  readonly watchdog?: UnmountWatchdog;
  /** Who watches it, where changes beneath are to be repeated. */
  readonly watchers?: WatcherRegistry;
}

/**
 * Mounts on a directory and serves the mount from a thread of its own until it is unmounted. The
 * calling thread stays free, but must never touch the mount synchronously. Fulfilled when the
 * kernel has accepted the connection; a TaskfsError says why there is no mount.
 */
export async function serveFileSystem(
  directory: string,
  options: FuseOptions,
  { watchdog, watchers = new WatcherRegistry() }: Beside = {},
): Promise<ServedConnection> {
  const device = await mountDirectory(directory, options);
  const minor = mountAt(directory)?.minor;
  const unmountWatchdog =
    watchdog ?? startUnmountWatchdog(directory, options.hasAttachments ? device : undefined);
  const replay = options.notify
    ? new Notifier(directory, minor ?? 0, options.readOnly, watchers)
    : undefined;
  const input: WorkerInput = { device, options, replay: replay?.channel };
  const worker = new Worker(WORKER, {
    workerData: input,
    transferList: replay ? [replay.channel.port] : [],
    name: 'taskfs-kernel',
    // Both koffi and Node open and close descriptors here, and the file system closes them all.
    trackUnmanagedFds: false,
    // Hardly anything outlives its request: a much larger one would only hold memory.
    resourceLimits: { maxYoungGenerationSizeMb: 6 },
  });
  let isOpen = true;
  const pages = new ChangingPages((node) => sendOldPages(device, node));
  const ended = endOf(worker, directory, unmountWatchdog).finally(() => {
    isOpen = false;
    replay?.close();
    pages.close();
    closeSync(device);
  });
  // Who awaits `ended` gets a failure; that nobody does must not end the process.
  ended.catch(() => {});
  const ready = readyOf(worker, device, pages, replay);
  await Promise.race([ready, ended.then(() => Promise.reject(gone(directory)))]);
  return {
    ended,
    unmount: () => unmountAndWait(directory, ended),
    // The number of a connection that has ended may be that of somebody else's by now.
    abort: () => {
      if (isOpen && minor !== undefined && isConnected(device)) abortConnection(minor);
    },
    forgetName: (parent, name) => {
      if (isOpen) sendForget(device, parent, name);
    },
    untilNotified: (parent, name) => replay?.untilNotified(parent, name) ?? Promise.resolve(),
  };
}

function endOf(worker: Worker, directory: string, watchdog: UnmountWatchdog): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    worker.once('error', (cause) => {
      watchdog.unmount();
      const why = `the server of ${directory} failed: ${messageOf(cause)}`;
      reject(new TaskfsError('failed', why, { cause }));
    });
    worker.once('exit', (code) => {
      if (code === EXIT_ABORTED) watchdog.unmount();
      else watchdog.dismiss();
      resolve();
    });
  });
}

/** Sends the kernel what the thread reports as old; fulfilled when that reports to be ready. */
function readyOf(
  worker: Worker,
  device: number,
  pages: ChangingPages,
  replay?: Notifier,
): Promise<void> {
  return new Promise((resolve) => {
    worker.on('message', (message: Message) => {
      if (message.kind === 'ready') resolve();
      else if (message.kind === 'used') replay?.used(message.threads);
      else if (message.kind === 'notified') replay?.notified(message.place);
      else if (message.kind === 'changing') pages.wasRead(message.node);
      else for (const change of message.changes) sendChange(device, change);
    });
  });
}

const gone = (directory: string): TaskfsError =>
  new TaskfsError('failed', `${directory} was unmounted before it was ready`);

async function unmountAndWait(directory: string, ended: Promise<void>): Promise<void> {
  await unmountDirectory(directory);
  await ended;
}
