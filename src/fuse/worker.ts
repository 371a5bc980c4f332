import { writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { availableParallelism } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { FileSystem } from '../fs/index.ts';
import { unshareUmask } from '../sys/index.ts';
import { BackingIds } from './backing.ts';
import { Device } from './device.ts';
import { LockOwners } from './lock-owners.ts';
import { serveRequests } from './loop.ts';
import { longestLook, Polling } from './polling.ts';
import { mayPassThrough, probePassthrough } from './probe.ts';
import { MAX_WRITE } from './protocol/init.ts';
import { Reply } from './protocol/reply.ts';
import { Request } from './protocol/request.ts';
import type { Session } from './session.ts';
import { Transfer } from './splice-read.ts';
import { WaitingLocks } from './waiting-locks.ts';
import { type Assignment, type Changed, EXIT_ABORTED, type Ready } from './worker-messages.ts';

/**
 * The driver's own thread: the file system and the blocking loop over its requests. It never
 * returns to its event loop while the mount is there, so it speaks to the main thread by messages
 * and to people by writing to descriptor 2.
 */

/** Room beside the data of the largest request: headers, structs and names. */
const HEADROOM = 64 * 1024;

const { device: fd, options } = workerData as Assignment;

async function loadFileSystem(): Promise<FileSystem> {
  const { module, arguments: given } = options.fileSystem;
  const loaded = (await import(module)) as {
    createFileSystem: (...given: readonly unknown[]) => FileSystem;
  };
  return loaded.createFileSystem(...given);
}

function report(operation: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  writeSync(2, `taskfs: ${operation} failed, the caller got EIO: ${text}\n`);
}

function startSession(device: Device, fileSystem: FileSystem, reply: Reply): Session {
  const backing = new BackingIds(
    device.ioctl,
    options.passthrough ? undefined : 'it was turned off',
  );
  const session: Session = {
    fileSystem,
    wish: {
      passthrough: options.passthrough && mayPassThrough(),
      kernelChecksAccess: options.allowOther,
      stateless: options.stateless ?? false,
    },
    notify: (message) => device.write(message, message.length),
    backing,
    passedThrough: new Map(),
    transfer: new Transfer(device.fd),
    lockOwners: new LockOwners(),
    waitingLocks: new WaitingLocks((unique, error) => {
      const length = error === 0 ? reply.seal(unique, 0) : reply.refuse(unique, error);
      device.write(reply.bytes, length);
    }),
    connection: undefined,
    onReady: () => {
      probePassthrough(backing, options.backingDirectory);
      const { offBecause } = backing;
      const notes = offBecause === undefined ? [] : [`passthrough is off: ${offBecause}`];
      parentPort?.postMessage({ kind: 'ready', notes } satisfies Ready);
    },
    changed: (changes) => parentPort?.postMessage({ kind: 'changed', changes } satisfies Changed),
    onFault: report,
  };
  return session;
}

const SETTLE_ROOM = 64;

async function run(): Promise<void> {
  unshareUmask();
  const fileSystem = await loadFileSystem();
  // As ../mount/server.ts does for its own thread.
  flushCompileCache();
  const device = new Device(fd, fileSystem.changesFd?.());
  const session = startSession(device, fileSystem, new Reply(SETTLE_ROOM));
  const polling = new Polling(longestLook(availableParallelism()));
  const request = new Request(MAX_WRITE + HEADROOM);
  const reply = new Reply(MAX_WRITE + HEADROOM);
  const ending = serveRequests(device, session, polling, request, reply);
  session.transfer.close();
  fileSystem.close();
  if (ending === 'aborted') process.exitCode = EXIT_ABORTED;
}

void run();
