import {
  type Batch,
  groupsOf,
  keyOf,
  type MoveReplay,
  placesOf,
  type Replay,
  type ReplayPlace,
  withoutPlace,
} from './batch.ts';

interface Group {
  readonly number: number;
  readonly replays: readonly Replay[];
  /** By name, what is not done. */
  readonly about: Map<string, Replay>;
}

/**
 * What was sent to the notifier, in groups that it makes one after the other. As no group is about
 * a name twice, a name that it asks for says which replay it is making.
 */
export class SentReplays {
  private groups: Group[] = [];
  private nextNumber = 1;

  /** Whether some of it is not done. */
  get isWaitedFor(): boolean {
    return this.groups.length > 0;
  }

  /** These are sent as well; returns how they are. */
  add(replays: readonly Replay[]): Pick<Batch, 'number' | 'groups'> {
    const number = this.nextNumber;
    const groups = groupsOf(replays);
    for (const group of groups) {
      const named = group.flatMap((each) => placesOf(each).map((at) => [keyOf(at), each] as const));
      this.groups.push({ number: this.nextNumber++, replays: group, about: new Map(named) });
    }
    return { number, groups };
  }

  /** The notifier is done with this group, and with those before it. */
  done(number: number): void {
    while (this.groups[0] && this.groups[0].number <= number) this.groups.shift();
  }

  clear(): void {
    this.groups = [];
  }

  /** Whether something of this name is not done. */
  isAbout(place: ReplayPlace): boolean {
    return this.groups.some(({ about }) => about.has(keyOf(place)));
  }

  /** The replay about a name, of the group that is being made. */
  about(place: ReplayPlace): Replay | undefined {
    return this.groups[0]?.about.get(keyOf(place));
  }

  /** The replay with this number in the group that is being made. */
  at(index: number): Replay | undefined {
    return this.groups[0]?.replays[index];
  }

  /** A replay about a name was made; its file may still be touched. */
  made(replay: Replay): void {
    if (replay.kind !== 'file') this.drop(replay);
    else this.groups[0]?.about.set(keyOf(replay.at), { ...replay, created: false });
  }

  /** A replay is not to be made. */
  drop(replay: Replay): void {
    for (const place of placesOf(replay)) this.groups[0]?.about.delete(keyOf(place));
  }

  /** Whether changes of some file's content or attributes are being replayed. */
  get isTouching(): boolean {
    return [...(this.groups[0]?.about.values() ?? [])].some(({ kind }) => kind === 'file');
  }

  /**
   * Nothing of this name is to be made any more. Returns the other halves of its renames, unless
   * more of those names is to be made anyway.
   */
  takeBack(place: ReplayPlace): MoveReplay[] {
    const rests: MoveReplay[] = [];
    for (const [index, { about }] of this.groups.entries()) {
      const replay = about.get(keyOf(place));
      if (!replay) continue;
      for (const each of placesOf(replay)) about.delete(keyOf(each));
      const rest = withoutPlace(replay, place);
      const later = this.groups.slice(index + 1);
      const isLater = (at: ReplayPlace) => later.some((group) => group.about.has(keyOf(at)));
      if (rest && !placesOf(rest).some(isLater)) rests.push(rest);
    }
    return rests;
  }
}
