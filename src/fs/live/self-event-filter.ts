/**
 * Sorts out the inotify events of what the mount itself did to names in watched directories.
 * Events of names never merge, as those of content do: a name cannot be made twice without being
 * removed.
 */
export class SelfEventFilter {
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

/** Kinds are bits below 2^16. */
const keyOf = (watch: number, kind: number): number => watch * 0x10000 + kind;
