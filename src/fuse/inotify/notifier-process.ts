import type { ChildProcess } from 'node:child_process';
import { closeSync, constants } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { spawnInBackground } from '../../background-process.ts';
import type { NodeId } from '../../fs/index.ts';
import { makePipe } from '../../sys/index.ts';
import { keyOf, type ReplayPlace } from './batch.ts';
import { type ReplayChannel, type ReplayMessage, SHARED, SHARED_BYTES } from './replayer.ts';
import type { WatcherRegistry } from './watcher-registry.ts';

const NOTIFIER = fileURLToPath(new URL(`./notifier${extname(import.meta.url)}`, import.meta.url));

/** How long (milliseconds) the notifier stays when nobody watches any more. */
const LINGER_MS = 30_000;
/** How long (milliseconds) anybody waits for an event to be replayed: the notifier may hang. */
const NOTIFY_TIMEOUT_MS = 10_000;

/**
 * Keeps the notifier of a mount, in the server's main thread: it is there while somebody watches
 * the mount. Its number is known to the serving thread only until it has ended: as long as it is
 * not reaped, which this process alone can do, nobody else gets that number.
 */
export class Notifier {
  readonly channel: ReplayChannel;
  private readonly directory: string;
  private readonly isReadOnly: boolean;
  private readonly shared: Int32Array;
  private readonly port: MessagePort;
  private readonly device: number;
  private readonly registry: WatcherRegistry;
  private nodes: readonly NodeId[] = [];
  private child: ChildProcess | undefined;
  private linger: NodeJS.Timeout | undefined;
  private isClosed = false;
  /** By `keyOf`: who waits until events of a name were replayed. */
  private readonly waiting = new Map<string, () => void>();

  /** `directory`: where the mount is, by now; `device`: its number. */
  constructor(directory: string, device: number, isReadOnly: boolean, registry: WatcherRegistry) {
    this.directory = directory;
    this.device = device;
    this.isReadOnly = isReadOnly;
    const shared = new SharedArrayBuffer(SHARED_BYTES);
    this.shared = new Int32Array(shared);
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    this.port = port1;
    this.channel = { shared, port: port2 };
    this.registry = registry;
    registry.follow(this.device, (nodes) => this.watch(nodes));
  }

  /** These threads have used the mount. */
  used(threads: readonly number[]): void {
    this.registry.used(threads);
  }

  /** As of `ReplayReports`. */
  notified(place: ReplayPlace): void {
    this.waiting.get(keyOf(place))?.();
  }

  /** As of `Served`. */
  async untilNotified(directory: NodeId, name: string): Promise<void> {
    if (!this.child || !this.nodes.includes(directory)) return;
    const place = { directory, name };
    const { promise, resolve } = Promise.withResolvers<void>();
    this.waiting.set(keyOf(place), resolve);
    const timer = setTimeout(resolve, NOTIFY_TIMEOUT_MS).unref();
    this.send({ awaited: place });
    await promise;
    clearTimeout(timer);
    this.waiting.delete(keyOf(place));
  }

  private watch(nodes: readonly NodeId[]): void {
    this.nodes = nodes;
    clearTimeout(this.linger);
    if (nodes.length > 0) this.child ??= this.start();
    else this.linger = setTimeout(() => this.stop(), LINGER_MS).unref();
    this.send({ watched: nodes });
  }

  /** The serving thread takes it when the notifier asks it something next: now. */
  private send(message: ReplayMessage): void {
    if (!this.child) return;
    this.port.postMessage(message);
    this.child.stdin?.write('\n');
  }

  private start(): ChildProcess {
    const { read, write } = makePipe(constants.O_NONBLOCK);
    const access = this.isReadOnly ? 'read-only' : 'writable';
    const args = [NOTIFIER, this.directory, String(this.device), access];
    const child = spawnInBackground(args, ['pipe', 'ignore', 'inherit', read]);
    closeSync(read);
    child.unref();
    child.stdin?.on('error', () => {});
    child.on('error', () => {});
    child.once('exit', () => {
      Atomics.store(this.shared, SHARED.notifier, 0);
      Atomics.store(this.shared, SHARED.pipe, -1);
      closeSync(write);
      this.child = undefined;
      for (const resolve of this.waiting.values()) resolve();
      if (!this.isClosed && this.nodes.length > 0) this.restart();
    });
    Atomics.store(this.shared, SHARED.pipe, write);
    Atomics.store(this.shared, SHARED.notifier, child.pid ?? 0);
    return child;
  }

  private restart(): void {
    setTimeout(() => this.watch(this.nodes), 1000).unref();
  }

  private stop(): void {
    this.child?.stdin?.end();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.linger);
    this.registry.unfollow(this.device);
    this.port.close();
    this.stop();
  }
}
