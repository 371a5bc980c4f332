import { closeSync } from 'node:fs';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { messageOf, TaskfsError } from '../errors.ts';
import type { Served } from '../fs/index.ts';
import { type Guard, guardMount, unmountDirectory } from '../mount/index.ts';
import { mountDirectory } from './mount.ts';
import type { KernelOptions } from './options.ts';
import { tellChange } from './send-change.ts';
import { type Assignment, EXIT_ABORTED, type Message, type Ready } from './worker-messages.ts';

// The thread runs from a file of its own: TypeScript in a checkout, JavaScript in a package.
const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/**
 * Mounts on a directory and serves the mount from a thread of its own until it is unmounted. The
 * calling thread stays free, but must never touch the mount synchronously. Fulfilled when the
 * kernel has accepted the connection; a TaskfsError says why there is no mount. `guard` takes away
 * what nobody serves any more; left out, a process beside this one does.
 */
export async function serveFileSystem(
  directory: string,
  options: KernelOptions,
  guard?: Guard,
): Promise<Served> {
  const device = await mountDirectory(directory, options);
  const keeper = guard ?? guardMount(directory);
  const assignment: Assignment = { device, options };
  const worker = new Worker(WORKER, {
    workerData: assignment,
    name: 'taskfs-kernel',
    // Descriptors are opened and closed by koffi and by Node alike here, and closed by the file system.
    trackUnmanagedFds: false,
    // Little of what a request leaves behind lives on: a large nursery would only hold memory.
    resourceLimits: { maxYoungGenerationSizeMb: 3 },
  });
  const ended = endOf(worker, directory, keeper).finally(() => closeSync(device));
  // Whoever waits for the end hears of a failure; that nobody does must not end the process.
  ended.catch(() => {});
  const ready = readyOf(worker, device);
  const { notes } = await Promise.race([ready, ended.then(() => Promise.reject(gone(directory)))]);
  return { ended, notes, unmount: () => unmountAndWait(directory, ended) };
}

function endOf(worker: Worker, directory: string, guard: Guard): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    worker.once('error', (cause) => {
      guard.takeAway();
      const why = `the server of ${directory} failed: ${messageOf(cause)}`;
      reject(new TaskfsError('failed', why, { cause }));
    });
    worker.once('exit', (code) => {
      if (code === EXIT_ABORTED) guard.takeAway();
      else guard.dismiss();
      resolve();
    });
  });
}

/** Tells the kernel what its thread says is old; fulfilled when that says that it is ready. */
function readyOf(worker: Worker, device: number): Promise<Ready> {
  return new Promise((resolve) => {
    worker.on('message', (message: Message) => {
      if (message.kind === 'ready') resolve(message);
      else for (const change of message.changes) tellChange(device, change);
    });
  });
}

const gone = (directory: string): TaskfsError =>
  new TaskfsError('failed', `${directory} was unmounted before it was ready`);

async function unmountAndWait(directory: string, ended: Promise<void>): Promise<void> {
  await unmountDirectory(directory);
  await ended;
}
