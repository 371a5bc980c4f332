import { join } from 'node:path';
import { bytesOfLatin1, latin1Of } from '../latin1.ts';
import { S_IFDIR } from '../sys/index.ts';
import type { ArchiveTree } from './archive/archive-subtree.ts';
import type { Change, Entry, FileEvent, NodeId, Observation, Place } from './file-system.ts';
import type { LiveObservation } from './live/live-observation.ts';
import { isArchive, isDay, isLive, isLog, TOP } from './node-ids.ts';
import type { TaskListEvents } from './task-list-events.ts';

/** Of the top directories whose subtree does not say its own. */
const PATHS: ReadonlyMap<NodeId, string> = new Map([
  [TOP.live, 'live'],
  [TOP.logs, 'logs'],
]);

/** What happens beneath a mount: in the top directories, and in live tasks. */
export class MountObservation implements Observation {
  private readonly live: LiveObservation;
  private readonly archive: ArchiveTree;
  private readonly lists: TaskListEvents;

  constructor(live: LiveObservation, archive: ArchiveTree, lists: TaskListEvents) {
    this.live = live;
    this.archive = archive;
    this.lists = lists;
  }

  /** Who observes something of a task is notified of its end, and so is who reads a log. */
  observe(nodes: readonly NodeId[]): void {
    this.lists.observe(new Set(nodes.map((node) => this.listNodeOf(node))));
    this.live.observe(nodes);
    this.archive.observe(nodes);
  }

  takeChanges(): readonly Change[] {
    return this.lists.takeChanges();
  }

  /** Whether what `takeChanges` reports may be cached. */
  get areListsCached(): boolean {
    return this.lists.areCached;
  }

  takeEvents(): FileEvent[] {
    const ofTasks = this.lists.take();
    const ended = ofTasks.flatMap((event) => [
      ...this.endedBy(event),
      ...this.archive.endedBy(event),
    ]);
    return [...this.live.takeEvents(), ...ended, ...ofTasks];
  }

  /** The observed directories of a task that is no longer live are gone at once. */
  private endedBy(event: FileEvent): FileEvent[] {
    if (event.kind !== 'delete' || event.at.directory !== TOP.live) return [];
    const observed = this.live.ofTask(latin1Of(event.at.name));
    const places = observed.filter(({ directory }) => directory !== TOP.live);
    return places.map((at) => ({ kind: 'delete', at, mode: S_IFDIR }));
  }

  hasOwnChanges(): boolean {
    return this.live.hasOwnChanges();
  }

  replays(isReplaying: boolean): void {
    this.live.replays(isReplaying);
  }

  missed(events: readonly FileEvent[]): void {
    this.live.missed(events);
  }

  takeMissed(): readonly FileEvent[] | undefined {
    return this.live.takeMissed();
  }

  formerEntry(place: Place): Entry | undefined {
    return this.live.formerEntry(place) ?? this.archive.formerEntry(place);
  }

  isMountedOn(place: Place): boolean {
    return this.live.isMountedOn(place);
  }

  pathOf(node: NodeId): Uint8Array | undefined {
    const top = PATHS.get(node);
    if (top !== undefined) return Buffer.from(top);
    const archived = this.archive.pathOf(node);
    if (archived === undefined) return this.live.pathOf(node);
    return bytesOfLatin1(join('archive', archived));
  }

  private listNodeOf(node: NodeId): NodeId {
    if (isLive(node)) return TOP.live;
    if (isArchive(node) || isDay(node)) return this.archive.listNodeOf(node);
    return isLog(node) ? TOP.logs : node;
  }
}
