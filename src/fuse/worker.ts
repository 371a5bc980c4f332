import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import type { FileSystem } from '../fs/index.ts';
import { unshareUmask } from '../sys/index.ts';
import { Device } from './device.ts';
import { Replayer, type ReplayReports } from './inotify/replayer.ts';
import { LockOwners, WaitingLocks } from './locks.ts';
import { serveRequests } from './loop.ts';
import { longestPoll, Polling } from './polling.ts';
import { MAX_WRITE } from './protocol/init.ts';
import { Reply } from './protocol/reply.ts';
import { Request } from './protocol/request.ts';
import type { Session } from './session.ts';
import { SpliceReader } from './splice-read.ts';
import { UseCounter } from './use-counter.ts';
import {
  type Changing,
  EXIT_ABORTED,
  type Invalidated,
  type Notified,
  type Ready,
  type Used,
  type WorkerInput,
} from './worker-messages.ts';

/**
 * The thread that serves a mount: the file system and the blocking loop over its requests. It
 * never returns to its event loop while the mount is there, so it posts messages to the main
 * thread, and logs by writing to descriptor 2.
 */

/** Bytes beside the data of the largest request: headers, structs and names. */
const HEADROOM = 64 * 1024;

const { device: fd, options, replay } = workerData as WorkerInput;

async function loadFileSystem(): Promise<FileSystem> {
  const { module, arguments: values } = options.fileSystem;
  const loaded = (await import(module)) as {
    createFileSystem: (...values: readonly unknown[]) => FileSystem;
  };
  return loaded.createFileSystem(...values);
}

const replayReports: ReplayReports = {
  used: (threads) => parentPort?.postMessage({ kind: 'used', threads } satisfies Used),
  notified: (place) => parentPort?.postMessage({ kind: 'notified', place } satisfies Notified),
};

function report(operation: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  writeSync(2, `taskfs: ${operation} failed, the caller got EIO: ${text}\n`);
}

function createSession(device: Device, fileSystem: FileSystem, reply: Reply): Session {
  return {
    fileSystem,
    requested: {
      kernelChecksAccess: options.allowOther,
      stateless: options.stateless ?? false,
    },
    notify: (message) => device.write(message, message.length),
    spliceReader: new SpliceReader(device.fd),
    lockOwners: new LockOwners(),
    waitingLocks: new WaitingLocks((unique, error) => {
      const length = error === 0 ? reply.finish(unique, 0) : reply.refuse(unique, error);
      device.write(reply.bytes, length);
    }),
    connection: undefined,
    onReady: () => parentPort?.postMessage({ kind: 'ready' } satisfies Ready),
    invalidate: (changes) =>
      parentPort?.postMessage({ kind: 'invalidated', changes } satisfies Invalidated),
    replayer: replay && new Replayer(fileSystem, replay, replayReports),
    uses: options.uses && new UseCounter(options.uses),
    dropPages: (node) => parentPort?.postMessage({ kind: 'changing', node } satisfies Changing),
    onFault: report,
  };
}

/**
 * What is left alive after a request is next to nothing: to wake other threads so that they help
 * to collect it takes longer than to do so alone, most of all where processors are busy.
 */
setFlagsFromString('--no-parallel-scavenge');

/** Replies to waiting locks are headers alone. */
const LOCK_REPLY_SIZE = 64;

async function run(): Promise<void> {
  unshareUmask();
  const fileSystem = await loadFileSystem();
  // As ../server/server.ts does for its own thread.
  flushCompileCache();
  const device = new Device(fd, fileSystem.changesFd?.());
  const session = createSession(device, fileSystem, new Reply(LOCK_REPLY_SIZE));
  const polling = new Polling(longestPoll(availableParallelism()));
  const request = new Request(MAX_WRITE + HEADROOM);
  const reply = new Reply(MAX_WRITE + HEADROOM);
  const outcome = serveRequests(device, session, polling, request, reply);
  session.spliceReader.close();
  fileSystem.close();
  if (outcome === 'aborted') process.exitCode = EXIT_ABORTED;
}

void run();
