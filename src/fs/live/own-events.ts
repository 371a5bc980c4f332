import type { Stat } from '../../sys/index.ts';
import type { NodeId } from '../file-system.ts';

/** So many files are remembered: events are taken soon after each change. */
const LIMIT = 1024;

/** What the mount did to a file (bits of IN), and the state in which it left it. */
interface OwnChange {
  readonly kinds: number;
  readonly state: string;
}

/**
 * Sorts out the inotify events of what the mount itself did to names in watched directories.
 * Events of names never merge, as those of content do: a name cannot be made twice without being
 * removed.
 */
export class OwnNameEvents {
  /** By watch and kind: how often each name is expected. */
  private readonly expected = new Map<number, Map<string, number>>();

  get isExpecting(): boolean {
    return this.expected.size > 0;
  }

  /** The event `kind` (one bit of IN) of this name is about to come. */
  expect(watch: number, kind: number, name: string): void {
    const key = keyOf(watch, kind);
    const names = this.expected.get(key);
    if (names) names.set(name, (names.get(name) ?? 0) + 1);
    else this.expected.set(key, new Map([[name, 1]]));
  }

  /** Whether an event was expected; takes it off the list. */
  isOwn(watch: number, kind: number, name: string): boolean {
    const names = this.expected.get(keyOf(watch, kind));
    const count = names?.get(name) ?? 0;
    if (count === 0) return false;
    names?.set(name, count - 1);
    return true;
  }

  /** All events so far were read: what did not come never will. */
  clear(): void {
    this.expected.clear();
  }
}

/**
 * What the mount itself has changed of files' content and attributes since events were taken last.
 * Events of these merge, so they cannot be counted as those of names are: the mount is the cause of
 * one if it did such a thing, and the file is still as it left it.
 */
export class OwnContentEvents {
  private readonly changes = new Map<NodeId, OwnChange>();

  get isEmpty(): boolean {
    return this.changes.size === 0;
  }

  /** The mount changed a file, of which inotify will report these kinds (bits of IN). */
  note(id: NodeId, kinds: number, stat: Stat): void {
    if (this.changes.size >= LIMIT) this.changes.clear();
    const before = this.changes.get(id)?.kinds ?? 0;
    this.changes.set(id, { kinds: before | kinds, state: stateOf(stat) });
  }

  /** Whether the mount did one of these things to a file, and nobody anything since then. */
  has(id: NodeId, kinds: number, stat: Stat): boolean {
    const change = this.changes.get(id);
    return change !== undefined && (change.kinds & kinds) !== 0 && change.state === stateOf(stat);
  }

  forget(id: NodeId): void {
    this.changes.delete(id);
  }

  /** All events so far were taken. */
  clear(): void {
    if (!this.isEmpty) this.changes.clear();
  }
}

/** Every change of a file's content or attributes changes one of these. */
const stateOf = ({ ctimeNs, size }: Stat): string => `${ctimeNs}/${size}`;

/** Kinds are bits below 2^16. */
const keyOf = (watch: number, kind: number): number => watch * 0x10000 + kind;
