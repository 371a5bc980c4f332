import { writeSync } from 'node:fs';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { unlessRefused } from '../../errno.ts';
import type { Attr, Entry, FileEvent, FileSystem, NodeId, Place } from '../../fs/index.ts';
import { bytesOfLatin1, latin1Of } from '../../latin1.ts';
import { S_IFMT } from '../../sys/index.ts';
import { type Batch, isTouch, keyOf, placesOf, type Replay, type ReplayPlace } from './batch.ts';
import { ReplayQueue } from './queue.ts';
import { SentReplays } from './sent-replays.ts';

/** How long (milliseconds) changes are gathered, so that those of one file become one replay. */
const GATHER_MS = 4;
/** Batches begin at least so long (milliseconds) apart: each costs as much as a change in it. */
const EVERY_MS = 30;
/** So many replays a second at most, and in one batch. */
const RATE = 1000;
const BATCH = 32;
/** After so long (milliseconds) the next batch is sent, whatever keeps the notifier. */
const LOST_MS = 10_000;
/** How long (milliseconds) a caller that was reported is not reported again. */
const REPORTED_MS = 200;
const FOR_EVER = Number.POSITIVE_INFINITY;

/** What the main thread and the serving thread share: words of one Int32Array. */
export const SHARED = { notifier: 0, pipe: 1 } as const;
export const SHARED_BYTES = 8;

/** What is reported to the main thread. */
export interface ReplayReports {
  /** These threads use the mount. */
  readonly used: (threads: readonly number[]) => void;
  /** Whoever watches this name's directory has every event of the name, or gets none. */
  readonly notified: (place: ReplayPlace) => void;
}

/** What the serving thread is started with, where changes beneath are to be replayed. */
export interface ReplayChannel {
  readonly shared: SharedArrayBuffer;
  /** Brings messages. */
  readonly port: MessagePort;
}

/** All nodes that are watched by now, or a name of which `notified` is to be reported. */
export type ReplayMessage =
  | { readonly watched: readonly NodeId[] }
  | { readonly awaited: ReplayPlace };

/**
 * Replays, in the serving thread, what happened beneath: sends it to the notifier in batches, and
 * recognises what that then asks. Only the notifier's own thread, for as long as the main thread
 * knows it to be alive, and only the very calls that were sent to it: everything else that it asks
 * to change is refused, so that nobody's change can be swallowed.
 */
export class Replayer {
  private readonly fileSystem: FileSystem;
  private readonly shared: Int32Array;
  private readonly port: MessagePort;
  private readonly reports: ReplayReports;
  private readonly queue = new ReplayQueue();
  private notifier = 0;
  /** The last request came from the notifier. */
  isAsking = false;
  private watched: readonly NodeId[] = [];
  /** What was sent, as far as it is not done. */
  readonly sent = new SentReplays();
  /** What the file system knows of it. */
  private isReplaying = false;
  /** By node: attributes that the notifier was given since the last batch. */
  private readonly given = new Map<NodeId, Attr>();
  private sentAt = 0;
  private gatherUntil = 0;
  private nextBatchAt = 0;
  /** There may be more of what was lost. */
  private isBehind = false;
  /** By `keyOf`: names of which `notified` is to be reported. */
  private readonly awaited = new Map<string, ReplayPlace>();
  /** There was a message: of what is watched or awaited there may be something to be replayed. */
  private isNews = false;
  private lastCaller = 0;
  private readonly callers = new Set<number>();
  private readonly reported = new Map<number, number>();

  constructor(fileSystem: FileSystem, { shared, port }: ReplayChannel, reports: ReplayReports) {
    this.fileSystem = fileSystem;
    this.shared = new Int32Array(shared);
    this.port = port;
    this.reports = reports;
  }

  /** Whether a request comes from the notifier; of others it is noted who uses the mount. */
  isNotifier(thread: number): boolean {
    const notifier = Atomics.load(this.shared, SHARED.notifier);
    if (notifier !== this.notifier) this.startOver(notifier);
    this.isAsking = thread === notifier && thread !== 0;
    if (this.isAsking) return true;
    // 0: the kernel itself, or somebody in another namespace, whom nobody here can look into.
    if (thread !== 0 && thread !== this.lastCaller) {
      this.lastCaller = thread;
      this.callers.add(thread);
    }
    return false;
  }

  /** A file that the notifier opened was closed: the kernel says so in its own name. */
  closed(): void {
    this.isAsking = true;
  }

  /** The next time (performance.now()) that `pass` has something to do. */
  get dueAt(): number {
    if (this.isNews) return 0;
    if (this.queue.size === 0 && !this.isBehind) return FOR_EVER;
    if (this.sent.isWaitedFor) return this.sentAt + LOST_MS;
    return Math.max(this.gatherUntil, this.nextBatchAt);
  }

  /** Before then (performance.now()) nothing that happens now is replayed. */
  get replaysFrom(): number {
    return this.watched.length > 0 ? Math.max(this.gatherUntil, this.nextBatchAt) : 0;
  }

  /**
   * Whether the mount has changed names of which nothing is known yet here, while some are being
   * replayed: `pass` is to be called before the notifier is answered.
   */
  get isOvertaken(): boolean {
    return this.sent.isWaitedFor && (this.fileSystem.hasOwnChanges?.() ?? false);
  }

  /** Takes what happened, and sends what is due. */
  pass(now: number): void {
    if (this.callers.size > 0) this.reportCallers(now);
    this.takeEvents(now);
    this.isNews = false;
    this.reportNotified();
    if (now >= this.dueAt) this.replayMore(now);
    this.reportReplaying();
  }

  private replayMore(now: number): void {
    if (this.queue.size < BATCH) this.catchUp();
    if (this.queue.size > 0) this.send(now);
    else this.nextBatchAt = now + EVERY_MS;
  }

  private reportReplaying(): void {
    const isReplaying = this.queue.size > 0 || this.sent.isWaitedFor;
    if (isReplaying === this.isReplaying) return;
    this.isReplaying = isReplaying;
    this.fileSystem.replays?.(isReplaying);
  }

  private takeEvents(now: number): void {
    if (this.watched.length === 0) return;
    const events = this.fileSystem.takeEvents?.() ?? [];
    // Between batches they gather anyway.
    const isFirst = this.queue.size === 0 && now >= this.nextBatchAt + GATHER_MS;
    if (events.length > 0 && isFirst) this.gatherUntil = now + GATHER_MS;
    const lost = events.filter((event) => !this.add(event));
    if (lost.length > 0) this.fileSystem.missed?.(lost);
  }

  private add(event: FileEvent): boolean {
    if (event.kind === 'own') this.takeBack(event.at);
    return this.queue.add(event);
  }

  /** What was sent about a name is out of date, as what waits is. */
  private takeBack({ directory, name }: Place): void {
    const rests = this.sent.takeBack({ directory, name: latin1Of(name) });
    for (const rest of rests) this.queue.putBack(rest);
  }

  /** Of the awaited names, reports those of which nothing is left to be replayed. */
  private reportNotified(): void {
    for (const [key, place] of this.awaited) {
      if (this.sent.isAbout(place) || this.queue.isAbout(place)) continue;
      this.awaited.delete(key);
      this.reports.notified(place);
    }
  }

  /** Adds what was lost, now that there is room for it. */
  private catchUp(): void {
    const events = this.fileSystem.takeMissed?.();
    this.isBehind = events !== undefined;
    for (const event of events ?? []) this.queue.add(event);
  }

  private startOver(notifier: number): void {
    this.notifier = notifier;
    this.sent.clear();
    this.watch([]);
    this.reportNotified();
  }

  private forgetEvents(): void {
    this.queue.clear();
    this.isBehind = false;
  }

  private watch(nodes: readonly NodeId[]): void {
    this.watched = nodes;
    if (nodes.length === 0) this.forgetEvents();
    this.fileSystem.observe?.(nodes);
  }

  private reportCallers(now: number): void {
    const due = [...this.callers].filter((each) => now >= (this.reported.get(each) ?? 0));
    this.callers.clear();
    this.lastCaller = 0;
    if (due.length === 0) return;
    if (this.reported.size > 1000) this.reported.clear();
    for (const each of due) this.reported.set(each, now + REPORTED_MS);
    this.reports.used(due);
  }

  private send(now: number): void {
    const replays = this.queue.take(BATCH);
    const batch: Batch = { ...this.sent.add(replays), paths: this.pathsOf(replays) };
    this.given.clear();
    this.sentAt = now;
    this.nextBatchAt = now + Math.max(EVERY_MS, (replays.length * 1000) / RATE);
    const line = Buffer.from(`${JSON.stringify(batch)}\n`, 'latin1');
    this.write(line);
  }

  private write(line: Buffer): void {
    try {
      const pipe = Atomics.load(this.shared, SHARED.pipe);
      if (writeSync(pipe, line) === line.length) return;
    } catch {
      // It has ended, or does not read.
    }
    // Half a line is of no use to it: it is started anew.
    Atomics.store(this.shared, SHARED.notifier, 0);
  }

  private pathsOf(replays: readonly Replay[]): Record<string, string> {
    const paths: Record<string, string> = {};
    const directories = replays.flatMap(placesOf).map(({ directory }) => directory);
    for (const directory of new Set(directories)) {
      const path = this.fileSystem.pathOf?.(directory);
      if (path) paths[directory] = latin1Of(path);
    }
    return paths;
  }

  /** The notifier has done a group; there may be messages as well. */
  done(number: number): void {
    this.sent.done(number);
    for (
      let received = receiveMessageOnPort(this.port);
      received;
      received = receiveMessageOnPort(this.port)
    ) {
      this.take((received as { message: ReplayMessage }).message);
    }
    if (this.isNews) return;
    this.reportNotified();
    this.reportReplaying();
  }

  private take(message: ReplayMessage): void {
    if ('watched' in message) this.watch(message.watched);
    else this.awaited.set(keyOf(message.awaited), message.awaited);
    this.isNews = true;
  }

  /** The replay that this name is about; undefined where another mount would be lost by it. */
  about(place: ReplayPlace): Replay | undefined {
    const replay = this.sent.about(place);
    if (!replay || isTouch(replay) || !placesOf(replay).some((each) => this.isMountedOn(each))) {
      return replay;
    }
    this.sent.drop(replay);
    return undefined;
  }

  /** The kernel would unmount what is there, were the name gone for a moment. */
  private isMountedOn({ directory, name }: ReplayPlace): boolean {
    return this.fileSystem.isMountedOn?.({ directory, name: bytesOfLatin1(name) }) ?? false;
  }

  /** These attributes are given to the notifier. */
  noteGiven({ node, attr }: Pick<Entry, 'node' | 'attr'>): void {
    this.given.set(node, attr);
  }

  givenAttributes(node: NodeId): Attr | undefined {
    return this.given.get(node);
  }

  /** What a name stands for, counted as looked up; undefined where it is missing. */
  lookup({ directory, name }: ReplayPlace): Entry | undefined {
    return unlessRefused(() => this.fileSystem.lookup(directory, bytesOfLatin1(name), NOBODY));
  }

  /** The same, undefined where it is of another type: something else has that name by now. */
  lookupOfType(place: ReplayPlace | undefined, type: number): Entry | undefined {
    return this.ofType(place && this.lookup(place), type);
  }

  /** What a name stood for before, where that is watched. */
  formerEntry({ directory, name }: ReplayPlace, type: number): Entry | undefined {
    const place = { directory, name: bytesOfLatin1(name) };
    return this.ofType(this.fileSystem.formerEntry?.(place), type);
  }

  private ofType(found: Entry | undefined, type: number): Entry | undefined {
    if (!found || (found.attr.mode & S_IFMT) === type) return found;
    this.fileSystem.forget(found.node, 1);
    return undefined;
  }
}

const NOBODY = { uid: 0, gid: 0, pid: 0 };
