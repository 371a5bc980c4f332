import { extname } from 'node:path';
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from 'node:worker_threads';
import type { Seal } from '../../archive/index.ts';
import { type FileKeys, readGenuineSeal, unlockNatively } from '../../archive/index.ts';
import { type ErrorKind, TaskfsError } from '../../errors.ts';
import { plainIdentities, type Store, type TaskName, taskPaths } from '../../store/index.ts';

/** What the worker thread is started with. */
export interface UnlockSetup {
  readonly port: MessagePort;
  /** Set to 1, and woken, when an answer was sent. */
  readonly answered: Int32Array;
  readonly store: Store;
  readonly identities: readonly string[] | undefined;
}

/** What it is asked to unlock. */
export interface UnlockRequest {
  readonly archive: string;
  readonly seal: Seal;
}

/** What it answers. */
export type UnlockAnswer =
  | { readonly keys: FileKeys }
  | { readonly kind: ErrorKind; readonly message: string; readonly hint: string | undefined };

const PATIENCE_MS = 30_000;
const WORKER = new URL(`./unlock-worker${extname(import.meta.url)}`, import.meta.url);

/**
 * Unlocks archives for callers that cannot wait for a promise: native keys at once; other kinds
 * are the age package's, whose key handling is asynchronous: a worker thread unlocks while the
 * calling thread sleeps. Starting it takes longer than all else of the first read of an archive.
 */
export class KeyService {
  private readonly store: Store;
  private readonly identities: readonly string[] | undefined;
  private readonly answered = new Int32Array(new SharedArrayBuffer(4));
  private worker: { readonly thread: Worker; readonly port: MessagePort } | undefined;

  /** `identities` undefined: the store's own. */
  constructor(store: Store, identities: readonly string[] | undefined) {
    this.store = store;
    this.identities = identities;
  }

  /**
   * The keys of the files of a task's archive, if it is genuine. Throws `wrong-key` where no
   * identity fits, `damaged`, `failed`.
   */
  unlock(task: TaskName): FileKeys {
    const { archive } = taskPaths(this.store, task);
    const seal = readGenuineSeal(this.store, task);
    // Read again each time: an identity may be added while the mount is there.
    const identities = this.identities ?? plainIdentities(this.store) ?? [];
    return unlockNatively(archive, identities, seal) ?? this.unlockByThread({ archive, seal });
  }

  private unlockByThread(request: UnlockRequest): FileKeys {
    this.worker ??= this.start();
    Atomics.store(this.answered, 0, 0);
    this.worker.port.postMessage(request);
    Atomics.wait(this.answered, 0, 0, PATIENCE_MS);
    const answer = receiveMessageOnPort(this.worker.port)?.message as UnlockAnswer | undefined;
    if (answer === undefined)
      throw new TaskfsError('failed', 'the unlocking thread does not answer');
    if ('keys' in answer) return answer.keys;
    const { kind, message, hint } = answer;
    throw new TaskfsError(kind, message, hint === undefined ? {} : { hint });
  }

  private start() {
    const { port1, port2 } = new MessageChannel();
    const { answered, store, identities } = this;
    const workerData: UnlockSetup = { port: port2, answered, store, identities };
    const thread = new Worker(WORKER, { workerData, transferList: [port2] });
    thread.unref();
    port1.unref();
    return { thread, port: port1 };
  }

  close(): void {
    void this.worker?.thread.terminate();
    this.worker = undefined;
  }
}
