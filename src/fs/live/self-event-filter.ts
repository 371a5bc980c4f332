/**
 * Sorts out the inotify events of what the mount itself did to names in watched directories.
 * Events of names never merge, as those of content do: a name cannot be made twice without being
 * removed.
 */
export class SelfEventFilter {
  private readonly expected = new Map<string, number>();

  get isExpecting(): boolean {
    return this.expected.size > 0;
  }

  /** The event `kind` (one bit of IN) of this name is about to come. */
  expect(watch: number, kind: number, name: string): void {
    const key = keyOf(watch, kind, name);
    this.expected.set(key, (this.expected.get(key) ?? 0) + 1);
  }

  /** Whether an event was expected; takes it off the list. */
  isOwn(watch: number, kind: number, name: string): boolean {
    if (this.expected.size === 0) return false;
    const key = keyOf(watch, kind, name);
    const count = this.expected.get(key);
    if (count === undefined) return false;
    if (count === 1) this.expected.delete(key);
    else this.expected.set(key, count - 1);
    return true;
  }

  /** All events so far were read: what did not come never will. */
  clear(): void {
    this.expected.clear();
  }
}

const keyOf = (watch: number, kind: number, name: string): string => `${watch}/${kind}/${name}`;
