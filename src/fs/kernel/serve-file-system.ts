import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { TaskfsError } from '../../store/errors.ts';
import type { Served } from '../driver.ts';
import { type Guard, guardMount } from './guard.ts';
import { mountDirectory } from './mount.ts';
import type { KernelOptions } from './options.ts';
import type { Assignment, Ready } from './thread.ts';
import { EXIT_ABORTED } from './thread.ts';
import { unmountDirectory } from './unmount.ts';

// The thread runs from a file of its own: TypeScript in a checkout, JavaScript in a package.
const WORKER = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/**
 * Mounts on a directory and serves the mount from a thread of its own until it is unmounted. The
 * calling thread stays free, but must never touch the mount synchronously. Fulfilled when the
 * kernel has accepted the connection; a TaskfsError says why there is no mount.
 */
export async function serveFileSystem(directory: string, options: KernelOptions): Promise<Served> {
  const device = await mountDirectory(directory, options);
  const guard = guardMount(directory);
  const assignment: Assignment = { device, options };
  const worker = new Worker(WORKER, {
    workerData: assignment,
    name: 'taskfs-kernel',
    // Descriptors are opened and closed by koffi and by Node alike here, and closed by the file system.
    trackUnmanagedFds: false,
  });
  const ended = endOf(worker, directory, guard);
  const ready = new Promise<Ready>((resolve) => worker.once('message', resolve));
  const { notes } = await Promise.race([ready, ended.then(() => Promise.reject(gone(directory)))]);
  return { ended, notes, unmount: () => unmountAndWait(directory, ended) };
}

function endOf(worker: Worker, directory: string, guard: Guard): Promise<void> {
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('error', (cause) => {
      guard.takeAway();
      reject(new TaskfsError('failed', `the server of ${directory} failed`, { cause }));
    });
    worker.once('exit', (code) => {
      if (code === EXIT_ABORTED) guard.takeAway();
      else guard.dismiss();
      resolve();
    });
  });
  // Whoever waits for the end hears of a failure; that nobody does must not end the process.
  ended.catch(() => {});
  return ended;
}

const gone = (directory: string): TaskfsError =>
  new TaskfsError('failed', `${directory} was unmounted before it was ready`);

async function unmountAndWait(directory: string, ended: Promise<void>): Promise<void> {
  await unmountDirectory(directory);
  await ended;
}
